// graphile-worker, as its own performance test sets it up: a local queue which takes 500
// jobs at a time, and answers which are sent together.

import { Logger, makeWorkerUtils, run, runMigrations } from "graphile-worker";
import { main, sql, url } from "./bench.mjs";

const CONCURRENCY = 24;

const logger = new Logger(() => () => {});
const preset = {
  worker: {
    connectionString: url,
    concurrentJobs: CONCURRENCY,
    maxPoolSize: CONCURRENCY + 1,
    localQueue: { size: 500, refetchDelay: { durationMs: 10 } },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
  },
};

let utils;

/** The connection which adds jobs. */
async function adding() {
  utils ??= await makeWorkerUtils({ connectionString: url, logger });
  return utils;
}

async function start(tasks) {
  const runner = await run({ preset, logger, noHandleSignals: true, taskList: tasks });
  return () => runner.stop();
}

await main({
  async prepare() {
    await sql("drop schema if exists graphile_worker cascade");
    await runMigrations({ preset: { worker: { connectionString: url } }, logger });
  },
  async add(numbers) {
    const jobs = numbers.map((n) => ({ identifier: "nothing", payload: { n } }));
    await (await adding()).addJobs(jobs);
  },
  work: (handled) => start({ nothing: () => handled(1) }),
  async addOne(n) {
    await (await adding()).addJob("one", { n });
  },
  workOne: (begins) => start({ one: () => begins() }),
});
