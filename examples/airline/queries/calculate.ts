/** A calculator, because models add up badly. */
import { query } from 'plinth'
import { z } from 'zod'
import { evaluate, printRounded } from '../../shared/arithmetic.ts'

export const calculate = query('calculate', {
  describe: 'Evaluate an arithmetic expression; the value comes back as text, rounded to two decimals.',
  input: z.strictObject({ expression: z.string().max(1_000).describe('digits, + - * / ( ) . and spaces only') }),
  output: z.string(),
  refusals: { 'not-an-expression': 'the text is not an arithmetic expression with a finite value' },
  read(tx, { expression }) {
    const value = evaluate(expression)
    return value === undefined ? tx.refuse('not-an-expression') : printRounded(value)
  },
})
