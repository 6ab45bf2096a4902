/**
 * `npm run crash -- --seeds N [--power-cuts M]`: kills a process that commits under 32 concurrent callers at random moments, starts it again, and
 * audits the data directory after every kill; then the same audit over simulated power cuts, where what was not synced is lost or torn.
 * Nothing acknowledged may be lost, nothing may be there twice, tree and read models must agree with the log.
 *
 *   node tools/crash.ts [--seeds N] [--first-seed N] [--power-cuts M] [--synchronous FULL|NORMAL|OFF] [--json]
 *
 * A failure is repeated with `--first-seed` and its seed. With `--synchronous` weakened the power cuts must break something.
 * With `--json` the last line is one object. Exit code 0: every promise held; 1: some did not; 2: the arguments cannot be used.
 */
import { parseArgs } from 'node:util'
import { killRounds } from '../test/simulation/kill-rounds.ts'
import { powerCuts, powerCutsImpossible } from '../test/simulation/power-cut.ts'

const SHOWN_MAX = 20 // broken promises printed; the rest are counted
const PROGRESS_EVERY = 25 // kills or cuts

const { seeds, firstSeed, cuts, synchronous, json } = readArguments()
const startedMs = performance.now()
const progress = (what: string, done: number, of: number, broken: number): void => {
  if (done % PROGRESS_EVERY === 0 || done === of) console.error(`${what}: ${done} of ${of}, ${broken} broken`)
}

let killed = 0
let brokenSoFar = 0
const kills = await killRounds({
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
const power =
  cuts === 0 || impossible !== null
    ? null
    : await powerCuts({
        cuts,
        firstSeed,
        synchronous,
        onCut({ audit }) {
          brokenSoFar += audit.broken.length
          progress('power cuts', ++cut, cuts, brokenSoFar)
        },
      })

const broken = [...kills.broken, ...(power?.broken ?? [])]
for (const what of broken.slice(0, SHOWN_MAX)) console.error(`broken: ${what}`)
if (broken.length > SHOWN_MAX) console.error(`… and ${broken.length - SHOWN_MAX} more`)
const report = {
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
        synchronous: { type: 'string', default: 'FULL' },
        json: { type: 'boolean', default: false },
      },
    })
    const { synchronous } = values
    if (synchronous !== 'FULL' && synchronous !== 'NORMAL' && synchronous !== 'OFF')
      return usage(`\`--synchronous\` is FULL, NORMAL or OFF, not \`${synchronous}\``)
    return {
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
