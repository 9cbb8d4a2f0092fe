/** A Standard Schema that takes everything: a contract needs one, and a validator's time is the validator's own. */
export const anyData = {
  '~standard': { version: 1 as const, vendor: 'bench', validate: (value: unknown) => ({ value }) },
}
