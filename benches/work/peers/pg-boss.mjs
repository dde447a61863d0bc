// pg-boss with batches of 500 and two workers, which is where it drains fastest; it hears
// of new jobs by notifications.

import { PgBoss } from "pg-boss";
import { main, sql, url } from "./bench.mjs";

const BATCH = 500;
const WORKERS = 2;

let boss;

async function started() {
  if (!boss) {
    boss = new PgBoss({ connectionString: url, useListenNotify: true });
    boss.on("error", (error) => console.error(error));
    await boss.start();
  }
  return boss;
}

async function stop() {
  await boss.stop({ graceful: true });
}

await main({
  async prepare() {
    await sql("drop schema if exists pgboss cascade");
    await started();
    await boss.createQueue("nothing", { notify: true });
    await boss.createQueue("one", { notify: true });
    await stop();
  },
  async add(numbers) {
    await (await started()).insert("nothing", numbers.map((n) => ({ data: { n } })));
  },
  async work(handled) {
    const options = { batchSize: BATCH, localConcurrency: WORKERS, burstWhenBatchFull: true };
    await (await started()).work("nothing", options, async (jobs) => handled(jobs.length));
    return stop;
  },
  async addOne(n) {
    await (await started()).send("one", { n });
  },
  async workOne(begins) {
    await (await started()).work("one", { batchSize: 1 }, async () => begins());
    return stop;
  },
});
