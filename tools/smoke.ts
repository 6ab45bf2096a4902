/**
 * `npm run smoke`: the main job once, as a newcomer has it. Starts the retail example on a new data directory, makes a call over MCP, has it
 * denied, attested, allowed; audits; stops with one signal. Exit code 1 when a step does not do what it should.
 */
import assert from 'node:assert/strict'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { plinth, startPlinth, temporaryFolder } from '../test/support/plinth-process.ts'

const ORDER = '#W1126656' // one of the generated ones, always the same
const OWNER = 'neil_reynolds_5401'

await using folder = await temporaryFolder()
const dir = `${folder.path}/data`
await using system = await startPlinth('start', ['--app', 'examples/retail', '--dir', dir])
console.log(`started ${String(system.document['release'])} at log position ${String(system.document['position'])}`)

const mcp = new Client({ name: 'smoke', version: '1.0.0' })
const headers = { authorization: `Bearer ${system.agentKey}`, 'plinth-run': 'smoke-1' }
await mcp.connect(new StreamableHTTPClientTransport(new URL(system.mcpUrl), { requestInit: { headers } }))
const { tools } = await mcp.listTools()
console.log(`${tools.length} tools over MCP`)
const look = () => mcp.callTool({ name: 'get_order_details', arguments: { order_id: ORDER } })
assert.equal((await look()).isError, true, 'nobody has attested whom this run serves: the call must be denied')
const attested = await plinth(['attest', 'smoke-1', JSON.stringify({ user_id: OWNER }), '--dir', dir])
assert.equal(attested.code, 0, attested.stderr)
assert.notEqual((await look()).isError, true, 'the customer is attested: the call must be answered')
await mcp.close()
console.log('a call over MCP: denied, then attested and answered')

const audit = await plinth(['verify', '--dir', dir])
assert.equal(audit.code, 0, audit.stderr)
console.log(audit.stdout.split('\n')[0])
assert.equal(await system.stop('SIGTERM'), 0)
console.log('stopped cleanly')
