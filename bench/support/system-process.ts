/**
 * A whole system in a process of its own, as `plinth start` would run it, so that what is measured is alone in it. Speaks one line of JSON when
 * ready, and closes when its input ends.
 *
 * node system-process.ts <data directory> <application> <accounts to open first>
 */
import { APPLICATION, importAccounts } from './application.ts'
import { readCredentials } from '../../src/main/data-directory.ts'
import { start } from '../../src/main/start.ts'
import { openSystem } from '../../src/main/open-system.ts'

const [dir = '', application = APPLICATION, accounts = '0'] = process.argv.slice(2)
if (Number(accounts) > 0) {
  const system = await openSystem({ dir, application })
  await importAccounts(
    system.engine,
    { bearer: system.credentials.operator.apiKey, onBehalfOf: null },
    Number(accounts),
  )
  await system.close()
}
const talk = (text: string): void => console.error(text)
const running = await start({ dir, application, host: '127.0.0.1', port: 0, data: null, talk })
const { url, mcpUrl } = running
const { agent, frontDoor } = await readCredentials(dir)
console.log(JSON.stringify({ url, mcpUrl, agentKey: agent.apiKey, frontDoorKey: frontDoor.apiKey }))
process.stdin.resume().on('end', () => void running.close().then(() => process.exit(0)))
