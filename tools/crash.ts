/**
 * `npm run crash -- --seeds N [--power-cuts M]`: kills the running system at random moments under 32 concurrent clients, audits its data directory,
 * starts it again, lets the clients repeat what they were not answered, and kills it once more; N times over. Then the same audit over M simulated power
 * cuts, where what was not synced is lost or torn. Nothing acknowledged may be lost, nothing may be there twice, the tree must verify
 * and every read model must equal a rebuild.
 *
 *   node tools/crash.ts [--seeds N] [--first-seed N] [--power-cuts M] [--over system|committer] [--synchronous FULL|NORMAL|OFF] [--json]
 *
 * `--over committer` leaves everything out but committer, storage and log: many more commits in the same time. Only there can `--synchronous` be
 * weakened, and then the power cuts must break something. A failure is repeated with `--first-seed` and its seed.
 * With `--json` the last line is one object. Exit code 0: every promise held; 1: some did not, or power cuts cannot be simulated here;
 * 2: the arguments cannot be used.
 */
import { parseArgs } from 'node:util'
import { openSandbox } from '../src/sandbox/open-sandbox.ts'
import { killRounds } from '../test/simulation/kill-rounds.ts'
import { committerSubject, powerCuts, powerCutsImpossible } from '../test/simulation/power-cut.ts'
import { systemKillRounds } from '../test/simulation/system-kill-rounds.ts'
import { systemSubject } from '../test/simulation/system-power-cuts.ts'

const SHOWN_MAX = 20 // broken promises printed; the rest are counted
const PROGRESS_EVERY = 10 // kills or cuts

const { seeds, firstSeed, cuts, over, synchronous, json } = readArguments()
const startedMs = performance.now()
const progress = (what: string, done: number, of: number, broken: number): void => {
  if (done % PROGRESS_EVERY === 0 || done === of) console.error(`${what}: ${done} of ${of}, ${broken} broken`)
}

let killed = 0
let brokenSoFar = 0
const kills = await (over === 'system' ? systemKillRounds : killRounds)({
  seeds,
  firstSeed,
  onRound({ broken }) {
    brokenSoFar += broken.length
    progress('kills', ++killed, 2 * seeds, brokenSoFar)
  },
})

const impossible = cuts === 0 ? null : powerCutsImpossible()
if (impossible !== null) console.error(`power cuts: NOT CHECKED: ${impossible}`)
let cut = 0
brokenSoFar = 0
const power = cuts === 0 || impossible !== null ? null : await cutPower()

async function cutPower(): ReturnType<typeof powerCuts> {
  const sandbox = over === 'system' ? await openSandbox({}) : null
  try {
    return await powerCuts({
      cuts,
      firstSeed,
      subject: sandbox === null ? committerSubject(synchronous) : systemSubject(sandbox),
      onCut({ audit }) {
        brokenSoFar += audit.broken.length
        progress('power cuts', ++cut, cuts, brokenSoFar)
      },
    })
  } finally {
    await sandbox?.close()
  }
}

const broken = [...kills.broken, ...(power?.broken ?? [])]
for (const what of broken.slice(0, SHOWN_MAX)) console.error(`broken: ${what}`)
if (broken.length > SHOWN_MAX) console.error(`… and ${broken.length - SHOWN_MAX} more`)
const report = {
  over,
  kills: kills.kills,
  killAcknowledged: kills.acknowledged,
  killBroken: kills.broken.length,
  powerCuts: power?.cuts ?? 0,
  powerCutsNotChecked: impossible,
  powerAcknowledged: power?.acknowledged ?? 0,
  powerCutsWithLoss: power?.cutsWithLoss ?? 0,
  synchronous,
  seconds: Math.round((performance.now() - startedMs) / 1000),
}
if (json) console.log(JSON.stringify(report))
else {
  console.log(`${report.kills} kills, ${report.killAcknowledged} answers checked, ${report.killBroken} promises broken`)
  if (power !== null)
    console.log(
      `${report.powerCuts} power cuts at synchronous=${synchronous}, ${report.powerAcknowledged} answers checked, ${report.powerCutsWithLoss} cuts with loss`,
    )
}
process.exitCode = broken.length === 0 && impossible === null ? 0 : 1

function readArguments() {
  const count = (name: string, text: string): number => {
    if (!/^(0|[1-9][0-9]{0,6})$/.test(text)) return usage(`\`--${name}\` takes a number, not \`${text}\``)
    return Number(text)
  }
  try {
    const { values } = parseArgs({
      options: {
        seeds: { type: 'string', default: '20' },
        'first-seed': { type: 'string', default: '1' },
        'power-cuts': { type: 'string', default: '0' },
        over: { type: 'string', default: 'system' },
        synchronous: { type: 'string', default: 'FULL' },
        json: { type: 'boolean', default: false },
      },
    })
    const { over, synchronous } = values
    if (over !== 'system' && over !== 'committer') return usage(`\`--over\` is system or committer, not \`${over}\``)
    if (synchronous !== 'FULL' && synchronous !== 'NORMAL' && synchronous !== 'OFF')
      return usage(`\`--synchronous\` is FULL, NORMAL or OFF, not \`${synchronous}\``)
    if (over === 'system' && synchronous !== 'FULL')
      return usage('`--synchronous` is weakened with `--over committer` alone: no running system has such a switch')
    return {
      over: over as 'system' | 'committer',
      seeds: count('seeds', values.seeds),
      firstSeed: count('first-seed', values['first-seed']),
      cuts: count('power-cuts', values['power-cuts']),
      synchronous: synchronous as 'FULL' | 'NORMAL' | 'OFF',
      json: values.json,
    }
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error))
  }
}

function usage(message: string): never {
  console.error(
    `${message}\nusage: npm run crash -- [--seeds N] [--first-seed N] [--power-cuts M] [--synchronous FULL|NORMAL|OFF] [--json]`,
  )
  process.exit(2)
}
