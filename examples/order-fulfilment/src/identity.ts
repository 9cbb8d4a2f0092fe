/** What makes an event that event: CloudEvents takes source and id together. */
export interface Identity {
  readonly source: string
  readonly id: string
}

export const identityOf = ({ source, id }: Identity): string => `${source} ${id}`
