/** Handing the conversation to a person: nothing at the airline changes, somebody is called. */
import { command } from 'plinth'
import { z } from 'zod'
import { callColleague } from '../effects.ts'

export const transferToHumanAgents = command('transfer_to_human_agents', {
  describe: 'Hand the case to a person. Only when it cannot be handled with the other tools.',
  input: z.strictObject({ summary: z.string().describe('what the case is about') }),
  output: z.string(),
  appends: [],
  effects: [callColleague],
  decide(tx, { summary }) {
    tx.effect(callColleague, { summary })
    return 'Transfer successful'
  },
})
