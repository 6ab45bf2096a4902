/** The vault one release on: what could not be taken back is said to be something that can be apologised for. */
import { application, command, effect } from 'plinth'
import { z } from 'zod'
import { box, mail, notarise, put, seal } from './index.ts'

const wire = effect('wire', { describe: 'Not so bad.', payload: z.object({ box: z.string() }), risk: 'compensable' })
const send = command('send', {
  describe: 'Asks for an effect of each risk.',
  input: z.object({ box: box.id() }),
  output: z.object({ box: z.string() }),
  effects: [wire, mail],
  decide(tx, { box: id }) {
    tx.append(box, id, 'filled', { count: -1 })
    tx.effect(mail, { box: id })
    tx.effect(wire, { box: id })
    return { box: id }
  },
})

export default application('vault', {
  describe: 'For tests of acknowledgement levels.',
  entities: [box],
  commands: [put, seal, notarise, send],
  effects: [wire, mail],
})
