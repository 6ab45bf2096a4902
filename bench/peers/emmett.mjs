// Appends to Emmett's SQLite event store, one after the other: its callers queue before one connection, because concurrent appends of one
// process fail as busy. Run by the benchmark in a process of its own; prints one line of JSON.
//
// node emmett.mjs <database file> <appends> <events, as a JSON array of data to take in turn>
import { getSQLiteEventStore, sqliteConnection } from '@event-driven-io/emmett-sqlite'

const [fileName = '', appends = '100', events = '[{}]'] = process.argv.slice(2)
const data = JSON.parse(events)
const RETRIES_MAX = 50 // of one append; a commit now and then meets its own statement still open, and says busy

console.log = () => {} // the store prints every failed transaction
const store = getSQLiteEventStore({
  fileName,
  schema: { autoMigration: 'CreateOrUpdate' },
})
await store.schema.migrate()

let retries = 0
async function append(number) {
  for (let attempt = 0; ; attempt++) {
    try {
      const event = { type: 'added', data: data[number % data.length] }
      return await store.appendToStream(`account-${number}`, [event], { expectedStreamVersion: 0n })
    } catch (error) {
      if (attempt >= RETRIES_MAX || error?.code !== 'SQLITE_BUSY') throw error
      retries++
    }
  }
}

await append(0)
const count = Number(appends)
const startedMs = performance.now()
for (let number = 1; number <= count; number++) await append(number)
const perSecond = (count * 1000) / (performance.now() - startedMs)

const { synchronous } = await sqliteConnection({ fileName }).querySingle('PRAGMA synchronous')
process.stdout.write(`${JSON.stringify({ perSecond, retries, synchronous })}\n`)
