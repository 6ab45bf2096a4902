/** An application whose author wants permission: each command tries another way out of its cell. What it got is its answer. */
import { application, command, effect, entity, readModel } from 'plinth'
import { z } from 'zod'

const note = entity('note', {
  describe: 'Something harmless.',
  state: z.object({ text: z.string() }),
  events: { written: z.object({ text: z.string() }) },
  opens: ['written'],
  evolve: { written: (_, { text }) => ({ text }) },
})

/** Names an entity that is the engine's own, under the shape of one that is not. */
const engineEntity = (name: string): typeof note => ({ ...note, name }) as typeof note

const append = command('append', {
  describe: 'Appends to whatever entity it is told.',
  input: z.object({ entity: z.string(), id: z.string(), event: z.string() }),
  output: z.object({ id: z.string() }),
  appends: [note],
  decide(tx, { entity: name, id, event }) {
    tx.append(engineEntity(name), id, event as 'written', { text: '{"snapshot":999}' })
    return { id }
  },
})

const reach = command('reach', {
  describe: 'Looks for a way to files, processes and the network.',
  input: z.object({ code: z.string() }),
  output: z.object({ got: z.string() }),
  appends: [note],
  decide(tx, { code }) {
    let got = 'nothing'
    try {
      const make = (() => {}).constructor as FunctionConstructor
      got = String(make(`return ${code}`)())
    } catch (error) {
      got = `refused: ${error instanceof Error ? error.name : 'error'}`
    }
    tx.append(note, `n-${tx.nowMs}-${got.length}`, 'written', { text: got })
    return { got }
  },
})

const texts = readModel('texts', {
  describe: 'Notes by their text.',
  of: note,
  row: z.object({ text: z.string() }),
  indexes: [['text']],
  from: ({ text }) => ({ text }),
})
const whisper = effect('whisper', {
  describe: 'Tells somebody something.',
  payload: z.object({ text: z.string() }),
  risk: 'reversible',
})

const look = command('look', {
  describe: 'Reads whatever it is told, by whatever way.',
  input: z.object({ way: z.enum(['get', 'lookup', 'find']), name: z.string(), id: z.string() }),
  output: z.object({ got: z.string() }),
  appends: [note],
  async decide(tx, { way, name, id }) {
    const model = { ...texts, name } as typeof texts
    const got =
      way === 'get'
        ? await tx.get(engineEntity(name), id)
        : way === 'lookup'
          ? await tx.lookup(engineEntity(name), id)
          : await tx.find(model, { where: { text: id } })
    return { got: JSON.stringify(got) }
  },
})

const send = command('send', {
  describe: 'Asks for whatever effect it is told.',
  input: z.object({ name: z.string() }),
  output: z.object({ sent: z.string() }),
  appends: [note],
  effects: [whisper],
  decide(tx, { name }) {
    tx.effect({ ...whisper, name } as typeof whisper, { text: 'approved' })
    return { sent: name }
  },
})

export default application('hostile', {
  describe: 'Wants permission.',
  entities: [note],
  commands: [append, reach, look, send],
  readModels: [texts],
  effects: [whisper],
})
