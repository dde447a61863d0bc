// What both peers share: the command line, the clock, and how results are printed.
//
// node PEER.mjs prepare         makes the schema anew
// node PEER.mjs add JOBS        adds JOBS jobs, in thousands
// node PEER.mjs drain JOBS      works them off
// node PEER.mjs latency JOBS    adds one job after another to a worker which is idle
//
// DATABASE_URL says where. The last line of standard output is the result as JSON.

import pg from "pg";

/** Jobs which are added in one call. */
const CHUNK = 1000;
/** Jobs which fill caches and plans before any is counted. */
const WARMING = 30;
/** Long enough for a worker to be idle again. */
const PAUSE_MS = 20;

export const url = process.env.DATABASE_URL;

/** Sends statements on a connection of their own. */
export async function sql(...statements) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}

/** A promise which somebody else keeps. */
function promised() {
  let keep;
  const promise = new Promise((resolve) => {
    keep = resolve;
  });
  return { promise, keep };
}

function at(sorted, share) {
  return sorted[Math.round((sorted.length - 1) * share)];
}

/** Adds `count` jobs; `add(numbers)` of the peer adds one for each number. */
async function add(peer, count) {
  const began = performance.now();
  for (let first = 0; first < count; first += CHUNK) {
    const size = Math.min(CHUNK, count - first);
    await peer.add(Array.from({ length: size }, (_, n) => first + n));
  }
  return { jobs: count, per_s: (count / (performance.now() - began)) * 1e3 };
}

/**
 * Works off `count` jobs; `work(handled)` of the peer starts a worker which calls
 * `handled(n)` for each n jobs, and returns how to stop it.
 */
async function drain(peer, count) {
  const all = promised();
  const began = performance.now();
  let done = 0;
  const stop = await peer.work((n) => {
    done += n;
    if (done >= count) all.keep();
  });
  await all.promise;
  const ended = performance.now();
  // The answers to the last jobs may still be on their way to the database.
  await stop();
  return {
    jobs: count,
    per_s: (count / (ended - began)) * 1e3,
    memory_mb: process.resourceUsage().maxRSS / 1024,
  };
}

/** From the call which adds a job to the start of its handler. */
async function latency(peer, count) {
  let begun = promised();
  const stop = await peer.workOne(() => begun.keep(performance.now()));
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const samples = [];
  for (let n = 0; n < count + WARMING; n++) {
    begun = promised();
    const before = performance.now();
    await peer.addOne(n);
    const took = (await begun.promise) - before;
    if (n >= WARMING) samples.push(took);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  await stop();
  samples.sort((a, b) => a - b);
  return { jobs: count, p50_ms: at(samples, 0.5), p99_ms: at(samples, 0.99) };
}

/** Does what the command line says with a peer. */
export async function main(peer) {
  const [what, count] = process.argv.slice(2);
  const parts = {
    prepare: async () => {
      await peer.prepare();
      return {};
    },
    add: () => add(peer, Number(count)),
    drain: () => drain(peer, Number(count)),
    latency: () => latency(peer, Number(count)),
  };
  if (!parts[what]) throw new Error(`no such part: ${what}`);
  const result = await parts[what]();
  console.log(JSON.stringify(result));
  process.exit(0);
}
