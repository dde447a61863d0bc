// A worker, to begin a worker of your own with: node worker.js QUEUE...
// It connects as psql does, by PGHOST, PGDATABASE, PGUSER and the others.

import { once } from "node:events";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

const WORKER = `${hostname()}:${process.pid}`;

// A bigint comes as a string, and stays one: a JavaScript number would not hold all of them.
interface Item {
  id: string;
  token: string;
  attempt: number;
  queue: string;
  title: string;
  instructions: string;
  context: Record<string, unknown>;
  tenant: string | null;
  seconds: number;
}

/** It cannot be done yet, and that is nobody's failure: snooze. */
class NotNow extends Error {
  constructor(readonly pause: string, note: string) {
    super(note);
  }
}

/** It will fail however often it is tried: dead at once. */
class NoUse extends Error {}

/** Yours. What it returns is the result. It stops when `lost` is aborted: then nobody wants the result. */
async function handle(item: Item, lost: AbortSignal): Promise<unknown> {
  const name = item.context.name;
  if (typeof name !== "string") throw new NoUse("there is no name to greet");
  if (Date.now() / 1000 < Number(item.context.opens ?? 0)) throw new NotNow("1 second", "not open yet");
  await sleep(Number(item.context.seconds ?? 0) * 1000, undefined, { signal: lost }); // long work
  return { greeting: `hello ${name}` };
}

/** Extends the lease at a third of its time, on another connection than the work's, until `done`. */
async function beat(db: pg.Client, item: Item, lost: AbortController, done: AbortSignal): Promise<void> {
  let ends = performance.now() + item.seconds * 1000;
  for (;;) {
    const pause = Math.min((item.seconds * 1000) / 3, Math.max(ends - performance.now(), 0));
    await sleep(pause, undefined, { signal: done }).catch(() => {});
    if (done.aborted) return;
    const asked = performance.now();
    try {
      if ((await tell(db, "extend($1, $2)", [item.id, item.token])) !== "extended") break;
      ends = asked + item.seconds * 1000;
    } catch {
      // Whether somebody else has it by now cannot be known: past its end the lease is lost.
      if (asked >= ends) break;
    }
  }
  lost.abort();
}

async function tell(db: pg.Client, call: string, values: unknown[]): Promise<string> {
  const answer = await db.query(`select hearken.${call} as word`, values);
  return answer.rows[0].word;
}

async function connect(): Promise<pg.Client> {
  const db = new pg.Client({ keepAlive: true, query_timeout: 30_000 }); // a vanished server is to be noticed
  db.on("error", () => {}); // the next query says so
  await db.connect();
  return db;
}

async function perform(db: pg.Client, bells: pg.Client, item: Item): Promise<[string, unknown[]]> {
  const lost = new AbortController();
  const done = new AbortController();
  const beating = beat(bells, item, lost, done.signal);
  const it = [item.id, item.token];
  try {
    const result = await handle(item, lost.signal);
    return ["complete($1, $2, $3)", [...it, JSON.stringify(result)]];
  } catch (error) {
    if (error instanceof NotNow) return ["snooze($1, $2, $3, $4)", [...it, error.pause, error.message]];
    if (error instanceof NoUse) return ["fail($1, $2, $3, retry => false)", [...it, error.message]];
    return ["fail($1, $2, $3)", [...it, String(error)]];
  } finally {
    done.abort();
    await beating;
  }
}

const stop = new AbortController();

async function work(queues: string[]): Promise<void> {
  const db = await connect();
  const bells = await connect();
  try {
    for (const queue of queues) await bells.query(`listen ${bells.escapeIdentifier(`hearken:${queue}`)}`);
    while (!stop.signal.aborted) {
      // The ear is open before the look, so that no bell is missed between look and sleep.
      const woken = new AbortController();
      const until = { signal: AbortSignal.any([woken.signal, stop.signal]) };
      const heard = Promise.race([once(bells, "notification", until), once(bells, "end", until)]);
      heard.catch(() => {}); // nobody waits for it any more
      try {
        const found = await db.query(
          `select *, extract(epoch from lease_until - hearken.now())::float8 as seconds
           from hearken.lease($1, $2)`,
          [WORKER, queues],
        );
        if (found.rows.length > 0) {
          const item: Item = found.rows[0];
          const [call, values] = await perform(db, bells, item);
          // If the connection broke, once more on a new one: the same answer twice does no harm.
          const word = await tell(db, call, values).catch(async () => {
            const again = await connect();
            return tell(again, call, values).finally(() => again.end());
          });
          console.log(item.id, word);
          continue;
        }
        const due = await db.query(
          "select extract(epoch from hearken.next_due($1) - hearken.now())::float8 as pause",
          [queues],
        );
        const pause = Math.min(Math.max(due.rows[0].pause ?? 30, 0.05), 30);
        await Promise.race([heard, sleep(pause * 1000, undefined, until)]).catch(() => {});
      } finally {
        woken.abort();
      }
    }
  } finally {
    await Promise.allSettled([db.end(), bells.end()]);
  }
}

// The item in hand is finished first; told again, it ends at once, and the lease runs out by itself.
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.on(signal, () => {
    if (stop.signal.aborted) process.exit(1);
    stop.abort();
  });
}
while (!stop.signal.aborted) {
  try {
    await work(process.argv.slice(2));
  } catch (error) {
    console.error(String(error));
    await sleep(1000);
  }
}
