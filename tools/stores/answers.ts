/**
 * What a system keeps, and for every table and column, and every file beside them: what notices that somebody else has changed it. As data, from which
 * docs/reference/stores.md is generated, and which a test compares with real directories: a table, column or file without an answer fails.
 *
 * The insider meant is one who may write the file and reads no key. Who reads `rows.key` as well is the runtime or its root: against him stand the signer,
 * witnesses and receipts (docs/reference/insider-drill.md).
 */

export interface TableAnswer {
  readonly holds: string
  /** By columns, separated by `, `: what notices that one of them was changed. */
  readonly columns: Readonly<Record<string, string>>
  /** What notices a row that was removed, added or put back. */
  readonly rows: string
}
export interface FileAnswer {
  readonly holds: string
  readonly noticed: string
}

const SEAL = 'the row’s seal, at its next use'
const AUDIT = '`plinth verify`'
const SUMMED = `${AUDIT}: the index is added up and compared with the records`
const EVENT: TableAnswer = {
  holds: 'where each stream’s events are',
  columns: {
    'stream, version, first, ordinal, count': `the next read of the stream, when it is led to another event or to none; the end of a stream cut off: ${AUDIT}, and the stated heads`,
  },
  rows: `a gap at the next read of the stream; the end of a stream: ${SUMMED}, and the stated heads contradict it`,
}
const OPERATION: TableAnswer = {
  holds: 'idempotency keys: where the outcome of each operation is',
  columns: {
    'key, position': `a retry that is led to another operation: at its next use; one that is led nowhere: ${AUDIT}`,
  },
  rows: `${SUMMED}. Until then a retry of an operation whose entry was removed runs again`,
}
const ROWS = (past: boolean): TableAnswer => ({
  holds: past ? 'earlier versions of rows of a read model' : 'rows of a read model as they are now',
  columns: {
    [`id, key, since, ${past ? 'until, ' : ''}row, seal`]: `${SEAL}; ${AUDIT}`,
    cN: `the next find that meets the row under a value that it does not have; one that it is hidden from: ${AUDIT}`,
  },
  rows: past
    ? `the tally: ${AUDIT}; an earlier row that was brought back as the present one, and changed since: two held at once`
    : `${AUDIT}: the rows are rebuilt from the log and compared; one that was gone and was written again: the count of rows`,
})

/** By file, then by table. `N` stands for any number. */
export const STORES: Readonly<Record<string, Readonly<Record<string, TableAnswer>>>> = {
  'data.db': {
    log: {
      holds: 'one row a commit: leaves, lines and payloads',
      columns: {
        'first, count, at, operation, intent, leaves, sizes, seal': `${SEAL}; the tree`,
        body: 'the leaves (a line) and the hash in the line (a payload), at its next use; the tree',
      },
      rows: 'the next read over the gap, the next start (tree and head), the signer at the next commit',
    },
    stream: {
      holds: 'streams by number',
      columns: {
        'no, id': `the next read of the stream, when it is led to another’s event; ${SUMMED}`,
        since: SUMMED,
      },
      rows: `${SUMMED}; the stated heads`,
    },
    event: EVENT,
    event_new: EVENT,
    operation_new: OPERATION,
    operation_middle: OPERATION,
    operation_old: OPERATION,
    effect: {
      holds: 'the outbox',
      columns: {
        'position, ordinal, effect, payload': 'the hash in the operation’s line, before it is shown or leaves',
      },
      rows: `one more: at the next look at the outbox; one less: ${AUDIT} (an effect that is gone does not leave)`,
    },
    tile: {
      holds: 'full tiles of the tree',
      columns: {
        'level, place, hashes': `the next start, which computes the root; whoever is given a proof made of it; ${AUDIT}`,
      },
      rows: `the next start, or the next proof; ${AUDIT}`,
    },
    head: {
      holds: 'position, size and root of the log, and how many effects it has',
      columns: {
        'id, position, size, root, at, effects':
          'the seal of the tally, which is over it too, at its next use; the tree at the next start',
      },
      rows: 'the next start: there are records, and no head',
    },
    tally: {
      holds: 'how many sealed rows each table has, and the sum of their seals',
      columns: { 'id, content, seal': 'its seal, at the next use of the head' },
      rows: 'the next use of the head: its seal is gone',
    },
    snapshot: {
      holds: 'states of long streams, so that folding begins late',
      columns: {
        'stream, version, position, leaf, release, state, seal': `its seal: it is passed over, and the state folded from the events; ${AUDIT}`,
      },
      rows: 'nothing, and nothing changes: the state is folded from the events',
    },
    side: {
      holds: 'what was refused, denied, failed or read',
      columns: { 'id, kind, principal, operation, action, at, body, seal': `${SEAL}; ${AUDIT}` },
      rows: `the tally: ${AUDIT}`,
    },
    read_model: {
      holds: 'declarations of read models',
      columns: { 'no, name, definition, seal': `${SEAL}; ${AUDIT}` },
      rows: `the next find: there is no such read model, or rows whose seals are of another; the tally: ${AUDIT}`,
    },
    sqlite_sequence: {
      holds: 'the last number given to a read model',
      columns: {
        name: AUDIT,
        seq: `a smaller one: ${AUDIT}; a larger one: nothing, and nothing changes (numbers are passed over)`,
      },
      rows: `${AUDIT}, while there are read models`,
    },
    subject_key: {
      holds: 'which keys of data subjects a stream is sealed under',
      columns: { 'kid, stream, derived': `the tally: ${AUDIT}. Used by an erasure, to make anew what was derived` },
      rows: `the tally: ${AUDIT}. What was derived and is not made anew stays sealed under a key that is destroyed: asked for, it is \`personal-data-missing\``,
    },
    meta: {
      holds: 'format, name of the log, newest signed checkpoint, what was imported',
      columns: {
        name: 'as if the row were removed',
        value:
          '`format`: the next start; `origin`: the next start, and every record names the log; `checkpoint`: its signature, and the tree; `imported`: nothing (a start rebuilds rows once more than it must)',
      },
      rows: `\`format\`: the next start; \`origin\`: ${AUDIT}; \`checkpoint\`: said not to have been checked, and the next commit has one signed; any other name is asked for by nobody`,
    },
    rows_N: ROWS(false),
    past_N: ROWS(true),
  },
  'heads.db': {
    bucket: {
      holds: 'the tree over the heads of all streams; derived',
      columns: { 'no, entries, hash': 'the hashes, at the next use or start: it is made anew from the log' },
      rows: 'the root that `progress` names, at the next use or start: made anew',
    },
    progress: {
      holds: 'how far that tree goes',
      columns: { 'id, position, leaf, root, streams, seal': `${SEAL}: the tree is made anew` },
      rows: 'the tree is made anew',
    },
  },
  'subject-keys.db': {
    key: {
      holds: 'keys of data subjects, wrapped; and which were destroyed',
      columns: {
        'kid, tenant, subject, wrapped':
          'of a living key: the wrapping, which is over all of them, at its next use, and `plinth verify`; of a destroyed one: nothing, and nothing changes (the log names it)',
        erased:
          'of a living key: its next use, and `plinth verify`; of a destroyed one: nothing (the log names the record)',
      },
      rows: 'a living key that is gone: `personal-data-missing` at its next use, `plinth verify`; a destroyed one that is back: the next start destroys it again and says so, `plinth verify`; one that nobody sealed anything under: nothing, and nothing changes',
    },
    meta: {
      holds: 'the key that indexes are blinded with, wrapped',
      columns: { 'name, value': 'the wrapping, at the next start; it is then closed to everything' },
      rows: 'the next start',
    },
  },
  'warden/warden.db': {
    journal: {
      holds: 'every request, signature, refusal and publication of the warden',
      columns: {
        idx: 'the chain of hashes, when the warden opens',
        entry:
          'the chain of hashes, when the warden opens; of the last entry: who compares `plinth warden status` with one of before, and what each snapshot’s record in the log says',
      },
      rows: 'a gap: the chain of hashes; entries cut off its end: as for the last entry',
    },
    snapshot: {
      holds: 'signed snapshots of authority',
      columns: {
        'number, note':
          'its signature, when the warden opens or publishes; the runtime; the log holds the hash of each that came into force',
      },
      rows: 'the runtime holds them too; a gap is a finding there',
    },
    root_key: {
      holds: 'the keys that sign snapshots; only the newest has its private half',
      columns: {
        'from_number, vkey, pem':
          'the runtime, which pins the first and follows from there: it does not adopt what another signs',
      },
      rows: 'the warden cannot sign, or the runtime does not adopt',
    },
  },
}

/** Empty databases of which only the lock of the operating system is used. */
export const LOCKS = ['data.lock', 'signer/lock', 'WITNESS/lock']

/** Files that are no databases. `*` stands for a name, `WITNESS` for the directory of a witness. */
export const FILES: Readonly<Record<string, FileAnswer>> = {
  'rows.key': {
    holds: 'the key of the seals; 0600',
    noticed: 'nothing that it seals opens any more: `storage-damaged`',
  },
  'subject-keys.key': {
    holds: 'the key that wraps those of data subjects; 0600',
    noticed: 'no key opens any more: `storage-damaged`',
  },
  'log.vkey': {
    holds: 'the log’s public key, for verifiers',
    noticed: '`plinth verify --key` with a copy kept elsewhere; the signer writes it at its next start',
  },
  'signer/*.key': {
    holds: 'private keys of the log, unless an agent holds them; 0600',
    noticed: 'the signer, at its next start: it is not the key that `keys.json` names',
  },
  'signer/keys.json': {
    holds: 'which keys the log has, in order',
    noticed:
      'the signer, at its next start, and every verifier: a key that was not committed to beforehand is none of the log’s',
  },
  'signer/head': {
    holds: 'what was signed last, twice, each with a checksum',
    noticed:
      'a checksum; an older one put back: the witnesses, whom the signer asks at each start. Without witnesses: whoever holds a later receipt',
  },
  'witnessed.note': {
    holds: 'the newest witnessed checkpoint',
    noticed: 'its signatures and the policy; an older one: the witnesses',
  },
  'authority/*.snapshot': {
    holds: 'signed snapshots of principals, policies and switches',
    noticed:
      'signature, chain and pinned key, before it is adopted; the log holds the hash of each. The newest one gone: the lease, which names it and without which nothing is changed; `plinth audit admissions`',
  },
  'authority/lease': {
    holds: 'the warden’s last sign of life',
    noticed: 'its signature; one that is missing or old: read-only',
  },
  'authority/root.vkey': {
    holds: 'the pinned key of the warden',
    noticed: 'snapshots that were in force, whose hashes are in the log, do not verify',
  },
  'releases/*.json': { holds: 'releases, named by their hash', noticed: 'the hash, whenever it is read' },
  'installation.json': {
    holds: 'name of the log, the release that ran last, what was imported first',
    noticed:
      'another name: the next start (`data.db` says which log it holds); another release: it must exist, and what the log says is active is brought about by a record',
  },
  'runtime.json': {
    holds: 'address of the running process',
    noticed: 'whoever uses it: another answers, without the credentials’ trust or the log’s key',
  },
  'agent.json': {
    holds: 'credential of the first agent; 0600',
    noticed: 'identity: it is not one that authority knows',
  },
  'front-door.json': {
    holds: 'credential of the first front door; 0600',
    noticed: 'identity: it is not one that authority knows',
  },
  'operator.json': {
    holds: 'credential and key of the first operator; 0600',
    noticed: 'identity and the warden: neither is one that they know',
  },
  'anchors.json': {
    holds: 'which authorities stamp checkpoints; written by an operator',
    noticed: '`plinth state`: the anchors it lists, their lag',
  },
  'anchors/*.checkpoint': { holds: 'what was stamped', noticed: 'the stamp; `plinth verify`' },
  'anchors/*.tsr': {
    holds: 'time stamps',
    noticed: 'their signature; `plinth verify`. One that is gone: nobody here; it is worth a copy elsewhere',
  },
  'evidence/*.json': {
    holds: 'what a stopped log is convicted by, and the mark that it is stopped',
    noticed: 'the evidence: signatures; the mark removed: the witness, which refuses again',
  },
  'WITNESS/heads/*': {
    holds: 'the last checkpoint that a witness cosigned, by log',
    noticed:
      'its own cosignature, at the next start; an older one, or one that is gone: whoever holds a newer cosignature, and says so (`--floor`). The log’s own signature in it: whoever asks for it',
  },
  'WITNESS/witness.key': { holds: 'the witness’s key; 0600', noticed: 'policies pin its public half' },
  'WITNESS/witness.vkey': { holds: 'its public half', noticed: 'the witness, at its next start' },
}
