/** What holds back a row that misses its target, by the row's id: found by profiling. Shown only where a target is missed. */
import type { Explanations } from './measure/results.ts'

const TWO_RECORDS =
  'A commit is more than its event: the operation has a record of its own, each record has an envelope of about 450 bytes, and line and payload are hashed apart, ' +
  'so one event of 460 bytes is four hashes and some 1,400 bytes, where the probe encodes and hashes once.'
const ONE_MAIN_THREAD =
  'Doors, engine and policies share one thread: a call takes about 0.3 ms of it under load (a sixth of that collecting garbage), the committer 0.12 ms, a cell ' +
  '0.13 ms, and the signer, which looks at each batch before it signs, and the client have their share of the same two cores.'
const ONE_CALL =
  'One call passes through six threads one after the other: client, door, cell, door, committer, signer. On a machine that does other work each of them waits for its turn.'

export const EXPLANATIONS: Explanations = {
  'append-1':
    'An answer waits for two syncs, one after the other: that of the batch, and that of what the signer is about to sign. So this order allows 0.5 × at the most. The sync of the batch is of ' +
    'six pages of write-ahead log instead of one block, and there are four hand-overs, to the committer and to the signer and back the same way, each of which wakes a processor that sleeps.',
  'append-64':
    'The bare loop runs statements over rows that are ready. Ours checks each request, encodes it, hashes it ten times (line and payload of two records, their nodes, the seal, the id), and passes ' +
    'it and its answer between threads. Of about 60 µs of processor time, 40 are the committer’s thread, which is busy for four fifths of the time: half of a batch is signed and answered while the ' +
    'other half is written. Of those 40, statements and pages of SQLite are a third, hashes a sixth, messages a tenth.',
  'append-1000x4': TWO_RECORDS,
  'append-cpu-64': `${TWO_RECORDS} The time is that of the callers too (a fifth): making the requests, cloning them to the committer's thread, and the receipts back; collecting garbage and compiling is a tenth.`,
  'append-loop-delay':
    'A batch is answered in one message: up to 256 receipts are cloned and their callers woken in one turn of the loop.',
  'tables-rate':
    'At equal work most of the time goes into the bytes, which are the same on both sides: each line and payload is stored once, in either shape.',
  'hot-key-rate': 'Decisions on one account are taken one after the other; those on many overlap in two cells.',
  'http-1-p50': ONE_CALL,
  'http-1-p99': ONE_CALL,
  'mcp-1-p50': ONE_CALL,
  'mcp-1-p99': ONE_CALL,
  'http-64-rate': ONE_MAIN_THREAD,
  'retail-p50': ONE_CALL,
  'retail-p99':
    'With so few calls the 99th percentile is the slowest one: one that waited for a collection of garbage, a compilation, or for another process.',
  'sandbox-overhead':
    'The cell itself needs 40 to 70 µs for its side: a fresh instance of the application, texts parsed and composed without a compiler. The rest is two process switches and the check of the answer.',
  verify:
    'A third of the time is hashing: line, payload and node of each record are a call each, which costs as much again as its bytes. The rest reads the rows and takes them apart (a fifth), holds each line against the one form that it may have (a fifth), collects garbage, and compares seals, tiles and indexes with what the records give.',
  'verify-memory':
    'An empty program has 60 MB of it, each of two threads that read takes some 60, and the thread that joins them keeps the end of each stream.',
  rebuild:
    'One batch of streams is loaded and verified while no cell works, and folded while the loader waits: the two take turns instead of overlapping.',
  'memory-idle-share':
    'Five programs run, each with a JavaScript engine of its own: the engine with 150 MB (its heap takes 65, of which 35 are used; the rest is code, WebAssembly for policies, the ' +
    'database and the committer thread), warden 31, signer 15, two cells of 14. The first start of a checkout takes some 50 more: it takes the types from the sources, which later starts find done.',
  'trust-beside-hashing':
    'The hash of a node goes through the same call as that of a leaf, and there is one node for each leaf.',
  'admit-100-new':
    'The evaluator looks at every policy that can match the action, one after the other; its own part is the bare evaluator of the same row.',
}

/** What no suite measures, and why. */
export const NOT_MEASURED: readonly string[] = [
  'Two shards on two cores: there is one log file and one writer.',
  'PostgreSQL: its adapter is not there yet.',
  'A log of ten million events: it takes longer to build than the whole of this takes to run.',
  'Emmett with several callers at once: its appends fail as busy then, so its callers queue before one connection.',
]
