// Measures one model on several engines. The engines take turns in every round, each round begins with the next engine,
// and an engine that fails is dropped.
import { freemem } from "node:os";
import { say } from "../../scripts/lib/run.mjs";
import { Skipped } from "./seat.mjs";

const shareOfMemory = 0.6;
const processBytes = 300e6; // of an engine in addition to its model and cache

/**
 * @param seats   of takeSeat
 * @param bytes   of the model and its cache in one engine
 * @param wanted  `{measures, prefill, contexts, rounds}`, see options.mjs
 * @param deadline in the time of performance.now(): no round begins that would end later
 * @param record  called with each row: `{engine, round, measure, at, value, joules}` or
 *   `{engine, round, measure, probe}`, or with a text `skipped` or `error` instead of the value
 */
export async function playRounds({ seats, bytes, wanted, deadline, record }) {
  const remaining = new Set(seats);
  for (const seat of seats) await guarded({ seat, remaining, record, row: {} }, () => seat.prepare());
  const together = seats.length * (bytes + processBytes) < shareOfMemory * freemem();
  try {
    if (together) await makeReady({ seats, remaining, record, row: {} });
    let longest = 0;
    for (let round = 1; round <= wanted.rounds; ++round) {
      const began = performance.now();
      if (round > 1 && began + longest > deadline) {
        say(`bench: ${round - 1} of ${wanted.rounds} rounds: no time for another one`);
        break;
      }
      const order = rotated(seats, round - 1).filter((seat) => remaining.has(seat));
      if (wanted.measures.includes("load") || wanted.measures.includes("memory")) {
        for (const seat of order) await measureLoad({ seat, remaining, record, round, wanted });
      }
      for (const group of together ? [order] : order.map((seat) => [seat])) {
        await playGroup({ group, remaining, record, round, wanted });
        if (!together) await closeAll(group);
      }
      longest = Math.max(longest, performance.now() - began);
    }
  } finally {
    await closeAll(seats);
  }
}

async function measureLoad({ seat, remaining, record, round, wanted }) {
  await guarded({ seat, remaining, record, row: { round } }, async () => {
    const { seconds, bytes } = await seat.load();
    const row = { engine: seat.engine.id, round };
    if (wanted.measures.includes("load")) record({ ...row, measure: "load", value: seconds });
    if (wanted.measures.includes("memory") && bytes !== undefined) record({ ...row, measure: "memory", value: bytes });
  });
}

async function playGroup({ group, remaining, record, round, wanted }) {
  const turns = [
    ...(wanted.measures.includes("prefill") ? wanted.prefill.map((at) => ({ measure: "prefill", at })) : []),
    // Next to the decoding that it is compared with.
    ...(wanted.measures.includes("roofline") ? [{ measure: "roofline" }] : []),
    ...(wanted.measures.includes("decode") ? wanted.contexts.map((at) => ({ measure: "decode", at })) : []),
  ];
  if (turns.length === 0) return;
  await makeReady({ seats: group, remaining, record, row: { round } });
  for (const turn of turns) {
    for (const seat of group) {
      if (!remaining.has(seat) || (turn.measure === "roofline" && !seat.engine.probe)) continue;
      const row = { round, ...turn };
      await guarded({ seat, remaining, record, row, staysWhenSkipped: true }, async () => {
        record({ engine: seat.engine.id, ...row, ...(await seat[turn.measure](turn.at)) });
      });
    }
  }
}

async function makeReady({ seats, remaining, record, row }) {
  for (const seat of seats) await guarded({ seat, remaining, record, row }, () => seat.ready());
}

/** Records a failure as a row. A skipped turn is only recorded; any other failure drops the engine for this model. */
async function guarded({ seat, remaining, record, row, staysWhenSkipped = false }, body) {
  if (!remaining.has(seat)) return;
  try {
    await body();
  } catch (error) {
    const isSkipped = error instanceof Skipped || error.code === "unsupported-environment";
    record({ engine: seat.engine.id, ...row, [isSkipped ? "skipped" : "error"]: error.message.split("\n")[0] });
    if (isSkipped && staysWhenSkipped) return;
    remaining.delete(seat);
    await closeAll([seat]);
  }
}

async function closeAll(seats) {
  for (const seat of seats) {
    await seat.close().catch((error) => say(`bench: closing ${seat.engine.label}: ${error.message}`));
  }
}

const rotated = (list, by) => list.map((_, i) => list[(i + by) % list.length]);
