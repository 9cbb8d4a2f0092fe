/** How a message carries its event: one document of all, an array of such documents, or attributes beside the data. */
export type ContentMode = 'binary' | 'structured' | 'batch'

export const STRUCTURED_JSON = 'application/cloudevents+json'
export const BATCH_JSON = 'application/cloudevents-batch+json'

/** The mode that a message's content type announces. Case and parameters do not matter. */
export function contentMode(contentType: string | undefined): ContentMode {
  if (contentType === undefined || contentType.length < 23) return 'binary'
  const start = contentType.slice(0, 29).toLowerCase()
  if (start.startsWith('application/cloudevents-batch')) return 'batch'
  return start.startsWith('application/cloudevents') ? 'structured' : 'binary'
}

/** Whether a structured or batch content type names the JSON format, the one every implementation reads. */
export function isJsonFormat(contentType: string): boolean {
  const mediaType = contentType.split(';', 1)[0]?.trim().toLowerCase()
  return mediaType === STRUCTURED_JSON || mediaType === BATCH_JSON
}
