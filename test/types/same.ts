/** Compile-time equality: `same<A, B>()` compiles only when each fits the other and neither is `any`. */
type IsAny<A> = 0 extends 1 & A ? true : false
type Same<A, B> = [IsAny<A>, IsAny<B>] extends [false, false]
  ? [A] extends [B]
    ? [B] extends [A]
      ? true
      : false
    : false
  : false
export const same = <A, B>(..._same: Same<A, B> extends true ? [] : ['these types differ']): void => undefined

same<{ a: 1 }, { a: 1 }>()
// @ts-expect-error: they differ
same<{ a: 1 }, { a: number }>()
// @ts-expect-error: `any` would hide everything
same<unknown[], ReturnType<typeof JSON.parse>>()
