/** Tools of an assistant for tests: mail, files, payments, a calendar, pages. */
import type { JsonObject } from '../../../src/model/json.ts'
import type { Tool } from '../application.ts'
import { requestedBy } from '../requests.ts'

const text = { type: 'string' }
const list = { type: 'array', items: text }
const number = { type: 'number' }
type Kind = Pick<Tool, 'kind' | 'risk' | 'untrusted_output'>

const tool = (
  name: string,
  kind: Kind,
  targets: readonly string[],
  properties: JsonObject,
  needed: readonly string[] = [],
): Tool => ({
  ...{ name, ...kind, targets, description: `${name}.`, requestedBy: requestedBy(name) },
  inputSchema: { type: 'object', properties, required: needed },
})
const OWN: Kind = { kind: 'read', risk: 'none', untrusted_output: false }
const OUTSIDE: Kind = { ...OWN, untrusted_output: true }
const acts = (risk: Tool['risk']): Kind => ({ kind: 'egress', risk, untrusted_output: false })

export const DESK_TOOLS: readonly Tool[] = [
  tool('find_contact', OWN, [], { query: text }),
  tool('list_contacts', OWN, [], {}),
  tool('group_members', OWN, [], { group: text }),
  tool('read_page', OUTSIDE, [], { url: text }),
  tool('read_mail', OUTSIDE, [], {}),
  tool('list_events', OUTSIDE, [], {}),
  tool('list_files', OUTSIDE, [], {}),
  tool('list_payments', OUTSIDE, [], {}),
  tool('list_channels', OUTSIDE, [], {}),
  tool('send_mail', acts('irreversible'), ['to', 'cc'], {
    to: list,
    cc: list,
    subject: text,
    body: text,
    attachments: { type: 'array', items: { type: 'object' } },
  }),
  tool('post_message', acts('irreversible'), ['channel'], { channel: text, body: text }),
  tool('transfer', acts('irreversible'), ['account'], { account: text, amount: number, subject: text }),
  tool('delete_item', acts('irreversible'), ['id'], { id: text }),
  tool('update_password', acts('irreversible'), ['password'], { password: text }),
  tool('get_page', acts('irreversible'), ['url'], { url: text }),
  tool('share_file', acts('compensable'), ['id', 'email'], {
    id: text,
    email: text,
    permission: { type: 'string', enum: ['r', 'rw'] },
  }),
  tool('reserve_room', acts('compensable'), ['hotel'], { hotel: text, from: text, to: text }),
  tool('make_event', acts('compensable'), ['people'], { title: text, start: text, place: text, text, people: list }, [
    ...['title', 'start'],
  ]),
  tool('create_file', acts('reversible'), [], { filename: text, content: text }),
]
