/**
 * A pocket calculator for agents: + - * / and parentheses over decimal numbers, in double precision.
 * Grammar: sum = product (('+' | '-') product)*; product = factor (('*' | '/') factor)*; factor = ('+' | '-') factor | '(' sum ')' | number.
 */

/** Deepest nesting of parentheses and signs that is followed: far beyond any bill, far below the stack. */
const DEPTH_MAX = 100

/** Value of the expression, or undefined when it is not one, nests too deep, or has no finite value. */
export function evaluate(expression: string): number | undefined {
  if (!/^[0-9+\-*/(). ]*$/.test(expression)) return undefined
  const tokens = expression.match(/\d+\.?\d*|\.\d+|[^ ]/g) ?? []
  let index = 0

  function sum(depth: number): number {
    let value = product(depth)
    while (tokens[index] === '+' || tokens[index] === '-')
      value = tokens[index++] === '+' ? value + product(depth) : value - product(depth)
    return value
  }
  function product(depth: number): number {
    let value = factor(depth)
    while (tokens[index] === '*' || tokens[index] === '/')
      value = tokens[index++] === '*' ? value * factor(depth) : value / factor(depth)
    return value
  }
  function factor(depth: number): number {
    if (depth > DEPTH_MAX) return NaN
    const token = tokens[index++]
    if (token === '-') return -factor(depth + 1)
    if (token === '+') return factor(depth + 1)
    if (token !== '(') return token !== undefined && /\d/.test(token) ? Number(token) : NaN
    const value = sum(depth + 1)
    return tokens[index++] === ')' ? value : NaN
  }

  const value = sum(0)
  return index === tokens.length && Number.isFinite(value) ? value : undefined
}

/** Rounded to two decimals, an exact tie to the even neighbour, always with a fraction part: `4.0`, `3.33`, `1e+16`. */
export function printRounded(value: number): string {
  const rounded = roundHalfEven(value)
  if (Math.abs(rounded) >= 1e16) return rounded.toExponential()
  const text = Object.is(rounded, -0) ? '-0' : String(rounded)
  return text.includes('.') ? text : `${text}.0`
}

/** Only odd multiples of 1/8 can lie exactly between two hundredths: every other tie is not a double. */
function roundHalfEven(value: number): number {
  if (Math.abs(value) >= 2 ** 52) return value
  const tie = Number.isInteger(value * 8) && (value * 8) % 2 !== 0
  if (!tie) return Number(value.toFixed(2))
  const below = Math.floor(value * 100)
  return (below % 2 === 0 ? below : below + 1) / 100
}
