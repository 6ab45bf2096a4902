/** The benchmarks' own test: with the smallest sizes, every suite yields the figures that its rows promise. What the figures are is not looked at. */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { perform } from '../bench/measure/perform.ts'
import { readOptions } from '../bench/measure/options.ts'
import { resultsMarkdown } from '../bench/measure/results.ts'
import { rowsOf } from '../bench/measure/row.ts'
import { quantile, ratiosOf, spreadOf } from '../bench/measure/statistics.ts'
import { atLeast, atMost, FULL, SMOKE, type Suite } from '../bench/measure/suite.ts'
import { describeMachine } from '../bench/measure/machine.ts'
import { parseSpeed, secondsPerHash } from '../bench/probes/openssl.ts'
import { EVENT_DATA_BYTES, eventData } from '../bench/support/event-data.ts'
import { SUITES } from '../bench/suites/all.ts'

const NEEDS_OTHERS: Readonly<Record<string, string>> = { emmett: 'left out of the smoke test' }

describe('bench', () => {
  // The retail suite drives the same parts with more data; the example's own tests make sure that its path works.
  for (const suite of SUITES.filter(({ name }) => name !== 'retail'))
    test(`suite ${suite.name} measures what its rows promise`, async () => {
      const folder = await mkdtemp(join(tmpdir(), 'plinth-bench-'))
      const said: string[] = []
      try {
        const shown: string[] = []
        const options = { suites: [suite], sizes: SMOKE, folder, say: (text: string) => void said.push(text) }
        const rows = await perform({ ...options, onRow: ({ id }) => void shown.push(id) })
        assert.deepEqual(
          shown,
          suite.rows.map(({ id }) => id),
        )
        for (const row of rows) {
          assert(
            row.value !== null && row.value.runs.length === SMOKE.runs,
            `${row.id}: ${row.notMeasured}\n${said.join('\n')}`,
          )
          assert(row.value.runs.every(Number.isFinite), row.id)
          for (const against of row.against)
            if (against.value === null) assert(Object.values(NEEDS_OTHERS).includes(against.notMeasured ?? ''), row.id)
            else assert(against.ratio !== null && Number.isFinite(against.ratio.median), `${row.id} / ${against.what}`)
        }
        assert.deepEqual(await readdir(folder), [], 'what it made is removed')
      } finally {
        await rm(folder, { recursive: true, force: true })
      }
    })

  const suite: Suite = {
    name: 'example',
    title: 'An example',
    method: 'As examples do.',
    rows: [
      {
        id: 'fast',
        what: 'speed',
        unit: 'm/s',
        figure: 'ours',
        against: [{ what: 'peer', figure: 'peer', target: atLeast(2) }],
      },
      { id: 'slow', what: 'delay', unit: 'ms', figure: 'delay', target: atMost(5) },
      { id: 'gone', what: 'nothing', unit: 'ms', figure: 'nothing' },
    ],
    open: () => Promise.reject(new Error('it does not open')),
  }

  test('a row is the median of its runs, its ratio the median of theirs', () => {
    const runs = [
      { ours: 10, peer: 1, delay: 6 },
      { ours: 30, peer: 10, delay: 7 },
      { ours: 20, peer: 10, delay: 8 },
    ]
    const [fast, slow, gone] = rowsOf(suite, runs, new Map([['nothing', 'nobody looked']]))
    assert.deepEqual(fast?.value, { median: 20, min: 10, max: 30, runs: [10, 30, 20] })
    assert.equal(fast?.against[0]?.ratio?.median, 3)
    assert.equal(fast?.against[0]?.met, true)
    assert.equal(slow?.met, false)
    assert.deepEqual([gone?.value, gone?.notMeasured, gone?.met], [null, 'nobody looked', null])
  })

  test('a figure that one run lacks is not measured', () => {
    const [fast] = rowsOf(suite, [{ ours: 1, peer: 1 }, { ours: 1 }], new Map())
    assert.equal(fast?.value?.median, 1)
    assert.deepEqual([fast?.against[0]?.value, fast?.against[0]?.met], [null, null])
  })

  test('a suite that fails leaves rows that say why', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'plinth-bench-'))
    const options = { suites: [suite], sizes: SMOKE, folder, say: () => {}, onRow: () => {} }
    const rows = await perform(options)
    await rm(folder, { recursive: true })
    assert(rows.every(({ value, notMeasured }) => value === null && notMeasured === 'it does not open'))
  })

  test('the page says by how much a target is missed, and why', () => {
    const rows = rowsOf(suite, [{ ours: 10, peer: 10, delay: 6 }], new Map([['nothing', 'nobody looked']]))
    const page = resultsMarkdown({
      ...{ machine: describeMachine('.'), sizes: FULL, suites: [suite], rows },
      explanations: { slow: 'It waits for the moon.' },
      notMeasured: ['The weather.'],
    })
    assert.match(page, /\*\*delay\*\*: 6\.00 ms instead of 5\.00 ms, 20 % over\. It waits for the moon\./)
    assert.match(page, /\*\*speed \/ peer\*\*: 1\.00 × instead of 2\.00 ×, 50 % short\. Not looked into yet\./)
    assert.match(page, /- The weather\.\n- nothing: nobody looked\./)
    assert.doesNotMatch(page, /quick run/)
  })

  test('quantiles, spreads and ratios', () => {
    assert.equal(quantile([4, 1, 3, 2], 0.5), 2.5)
    assert.equal(quantile([5], 0.99), 5)
    assert.throws(() => spreadOf([]), RangeError)
    assert.throws(() => ratiosOf([1], []), RangeError)
  })

  test('what openssl says is a straight line between its sizes', () => {
    const speed = parseSpeed('+H:100:300\n+F:6:sha256:100.00:150.00\n')
    assert.equal(secondsPerHash(speed, 100), 1)
    assert.equal(secondsPerHash(speed, 200), 1.5)
    assert.throws(() => parseSpeed('nothing'), /openssl/)
  })

  test('every event has the same size', () => {
    for (const number of [0, 7, 123_456])
      assert.equal(Buffer.byteLength(JSON.stringify(eventData(number))), EVENT_DATA_BYTES)
  })

  test('arguments are checked, and some suites alone do not write the page', () => {
    assert.throws(() => readOptions(['--only', 'nothing'], SUITES, '.'), /no suite `nothing`/)
    assert.throws(() => readOptions(['--fast'], SUITES, '.'))
    assert.equal(readOptions([], SUITES, '.').write, true)
    const { suites, write, sizes } = readOptions(['--only', 'append,retail', '--quick'], SUITES, '.')
    assert.deepEqual([suites.map(({ name }) => name), write, sizes.name], [['append', 'retail'], false, 'quick'])
  })
})
