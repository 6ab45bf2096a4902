/** What holds back a row that misses its target, by the row's id: found by profiling. Shown only where a target is missed. */
import type { Explanations } from './measure/results.ts'

const TWO_RECORDS =
  'A commit is more than its event: the operation has a record of its own, each record has an envelope of about 450 bytes, and line and payload are hashed apart, ' +
  'so one event of 460 bytes is four hashes and some 1,400 bytes, where the probe encodes and hashes once.'
const ONE_MAIN_THREAD =
  'Doors, engine and policies share one thread: a call takes about a quarter of a millisecond of it under load (a third of that in the kernel, handing bytes to the caller, to the cell and ' +
  "to the committer's thread; a tenth collecting garbage), the committer 0.13 ms, a cell 0.07 ms, the signer 0.03 ms; the client and the threads that compile and collect have their share of the same two cores."
const ONE_CALL =
  'One call passes through six threads one after the other: client, door, cell, door, committer, signer. Most of its time is the commit: two syncs, and four hand-overs between threads and ' +
  'processes that each wait for their turn on two cores.'
const TAIL =
  'The tail is that of the disk and of the machine: a sync that takes longer than the median, a collection of garbage, a thread that waits for its turn. No step of the call itself takes as long.'

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
  'http-1-p99': TAIL,
  'mcp-1-p50': ONE_CALL,
  'mcp-1-p99': TAIL,
  'http-64-rate': ONE_MAIN_THREAD,
  'retail-p50':
    'Order and customer are read in two trips to the cell, because who the customer is stands in the order; both states are large, and are checked, hashed and stored with the events, a refund ' +
    'and rows of several read models. The application has twenty commands, and every execution gets a fresh instance of all of it: about 0.1 ms.',
  'retail-p99':
    'With so few calls the 99th percentile is the slowest one: one that waited for a collection of garbage, a compilation, or for another process.',
  'sandbox-overhead':
    'Without a compiler, which application code does not get, the cell needs about 30 µs for the texts and the code, and 20 to 25 for the fresh instance of the application that the next ' +
    'execution gets. That is made once the answer has left, but a caller who asks again at once waits for it. The rest is two process switches and the check of the answer.',
  'personal-commit':
    'Event, row and record of the operation are each sealed under a key of their own, derived for their place, and what is stored is longer than what it seals; no part of it stands out.',
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
