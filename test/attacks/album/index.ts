/** Pictures that are shown or not: what an agent may see of one changes with time. */
import { application, command, entity, query } from 'plinth'
import { z } from 'zod'

const picture = entity('picture', {
  describe: 'A picture.',
  state: z.object({ title: z.string(), shown: z.boolean() }),
  events: { hung: z.object({ title: z.string() }), turned: z.object({ shown: z.boolean() }) },
  opens: ['hung'],
  evolve: {
    hung: (_, { title }) => ({ title, shown: true }),
    turned: (state, { shown }) => ({ ...state, shown }),
  },
})

const hang = command('hang', {
  describe: 'Hang a picture.',
  input: z.object({ picture: picture.id(), title: z.string() }),
  decide(tx, { picture: id, title }) {
    tx.append(picture, id, 'hung', { title })
    return null
  },
})

const turn = command('turn', {
  describe: 'Show a picture, or turn it to the wall.',
  input: z.object({ picture: picture.id(), shown: z.boolean() }),
  async decide(tx, { picture: id, shown }) {
    await tx.get(picture, id)
    tx.append(picture, id, 'turned', { shown })
    return null
  },
})

const see = query('see', {
  describe: 'What is on a picture.',
  input: z.object({ picture: picture.id() }),
  output: z.object({ title: z.string() }),
  facts: z.object({ shown: z.boolean() }),
  async read(tx, { picture: id }) {
    const { title, shown } = await tx.get(picture, id)
    tx.facts({ shown })
    return { title }
  },
})

export default application('album', {
  describe: 'Pictures that are shown or not.',
  entities: [picture],
  commands: [hang, turn],
  queries: [see],
})
