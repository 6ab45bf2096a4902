/**
 * The tables. Few and lean: what a commit costs is the pages it dirties and the statements it runs. `seal` is always the last column (seal.ts); tables
 * without one are compared with the log that they follow from.
 */
import { EVENT_INDEX_SCHEMA } from './event-index.ts'
import { OPERATION_INDEX_SCHEMA } from './operation-index.ts'
import { TALLY_SCHEMA } from './tally.ts'

export const SCHEMA = `
-- one row per commit: its leaf hashes, and its lines and payloads packed (packed-commit.ts)
CREATE TABLE IF NOT EXISTS log(
  first INTEGER PRIMARY KEY, count INTEGER NOT NULL, at INTEGER NOT NULL, operation TEXT NOT NULL, intent BLOB NOT NULL,
  leaves BLOB NOT NULL, sizes TEXT NOT NULL, body TEXT NOT NULL, seal TEXT NOT NULL);
-- S3: history is never edited
CREATE TRIGGER IF NOT EXISTS log_stays BEFORE UPDATE ON log BEGIN SELECT RAISE(ABORT, 'the log is never edited'); END;
CREATE TRIGGER IF NOT EXISTS log_kept BEFORE DELETE ON log BEGIN SELECT RAISE(ABORT, 'the log is never edited'); END;
CREATE TABLE IF NOT EXISTS stream(no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, since INTEGER NOT NULL);
${EVENT_INDEX_SCHEMA}
${OPERATION_INDEX_SCHEMA}
CREATE TABLE IF NOT EXISTS effect(
  position INTEGER NOT NULL, ordinal INTEGER NOT NULL, effect TEXT NOT NULL, payload TEXT NOT NULL,
  PRIMARY KEY(position, ordinal)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tile(level INTEGER NOT NULL, place INTEGER NOT NULL, hashes BLOB NOT NULL, UNIQUE(level, place));
CREATE TABLE IF NOT EXISTS head(
  id INTEGER PRIMARY KEY CHECK(id = 1), position INTEGER NOT NULL, size INTEGER NOT NULL, root TEXT NOT NULL, at INTEGER NOT NULL,
  effects INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS snapshot(
  stream INTEGER NOT NULL, version INTEGER NOT NULL, position INTEGER NOT NULL, leaf TEXT NOT NULL, release TEXT NOT NULL,
  state TEXT NOT NULL, seal TEXT NOT NULL, PRIMARY KEY(stream, version)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS side(
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, principal TEXT NOT NULL, operation TEXT, action TEXT NOT NULL, at INTEGER NOT NULL,
  body TEXT NOT NULL, seal TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS side_kind ON side(kind, id);
CREATE INDEX IF NOT EXISTS side_principal ON side(principal, id);
CREATE INDEX IF NOT EXISTS side_operation ON side(operation, id) WHERE operation IS NOT NULL;
-- each declaration of a read model has tables rows_<no> and past_<no> (read-model-tables.ts); numbers are never used again
CREATE TABLE IF NOT EXISTS read_model(no INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, definition TEXT NOT NULL, seal TEXT NOT NULL);${TALLY_SCHEMA}
-- keys of data subjects that events of a stream are sealed under; derived: nothing derived rests on the key any more, it was destroyed
CREATE TABLE IF NOT EXISTS subject_key(
  kid TEXT NOT NULL, stream INTEGER NOT NULL, derived INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(kid, stream)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS subject_key_stream ON subject_key(stream);
CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
`
