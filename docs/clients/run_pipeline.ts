/**
 * Runs a pipeline once and says what changed: node run_pipeline.js http://localhost:7070 shop shop-2026-01-01T12:00
 *
 * The variable ICEFRONT_TOKEN has the key, if the service asks for one. It ends with 0 if the run succeeded, with 1 if the run failed, and with 2 if a call was refused.
 */

import { Configuration, ProblemFromJSON, ReportsApi, ResponseError, RunsApi, RunState, TablesApi } from "./icefront";

async function main(address: string, pipeline: string, idempotencyKey: string): Promise<number> {
  try {
    return await run(new Configuration({ basePath: address, accessToken: process.env.ICEFRONT_TOKEN ?? "" }), pipeline, idempotencyKey);
  } catch (error) {
    if (!(error instanceof ResponseError) || error.response.headers.get("content-type") !== "application/problem+json") {
      throw error;
    }
    const problem = ProblemFromJSON(await error.response.json());
    console.error(`refused with ${problem.status}: ${problem.type}: ${problem.detail}`);
    return 2;
  }
}

async function run(service: Configuration, pipeline: string, idempotencyKey: string): Promise<number> {
  const runs = new RunsApi(service);
  const startRun = { labels: { client: "typescript" } };
  // If the answer is lost, the same call with the same key gives the same run.
  const { id: runId } = await runs.startRun({ pipeline, idempotencyKey, startRun });
  while (!(await runs.getRun({ runId, wait: "55s" })).terminal);
  const outcome = await runs.getRunOutcome({ runId });
  console.log(`run ${outcome.id}: ${outcome.state} in ${outcome.durationSeconds} s`);
  for (const step of (await runs.listRunSteps({ runId })).data) {
    console.log(`step ${step.name}: ${step.state} in ${step.durationSeconds} s`);
  }
  if (outcome.error !== null) {
    console.error(`${outcome.error.step}: ${outcome.error.type}: ${outcome.error.detail}`);
    return 1;
  }
  for (const change of (await new ReportsApi(service).listRunChanges({ runId })).data) {
    const name = change.table ?? change.model;
    console.log(`changes of ${name}: ${change.inserted} inserted, ${change.updated} updated, ${change.deleted} deleted`);
  }
  await printOrders(new TablesApi(service), `${pipeline}.orders`);
  await printLastHour(runs, pipeline);
  return 0;
}

async function printOrders(tables: TablesApi, table: string): Promise<void> {
  const [first, second] = (await tables.listRows({ table, limit: 2 })).data;
  console.log(`order ${first?.order_id}: ${first?.status}, ${first?.order_sum}`);
  const key = { "key.order_id": second?.order_id };
  for (const order of (await tables.listRows({ table, key })).data) {
    console.log(`order ${order.order_id}: ${order.status}, ${order.order_sum}`);
  }
}

/** Follows `next` to the last page. */
async function printLastHour(runs: RunsApi, pipeline: string): Promise<void> {
  const since = new Date(Date.now() - 3_600_000);
  const state = [RunState.Succeeded, RunState.Failed];
  let after: string | undefined;
  do {
    const page = await runs.listRuns({ pipeline, state, since, limit: 2, after });
    for (const run of page.data) {
      console.log(`in the last hour: ${run.kind} ${run.id} ${run.state}`);
    }
    after = page.next ?? undefined;
  } while (after !== undefined);
}

const [address, pipeline, key] = process.argv.slice(2);
if (address === undefined || pipeline === undefined || key === undefined) {
  throw new Error("give the service's address, a pipeline and an idempotency key");
}
main(address, pipeline, key).then((code) => (process.exitCode = code));
