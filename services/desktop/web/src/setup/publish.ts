import { every } from '@/admin/services'
import { answerOf, dataOf, ingestEmail, newKey, routing, SERVICES } from '@/api/client'
import type { LoginResult } from '@/api/ingest-email'
import type { Answers } from './answers'

/** Checks a document, makes it a draft and publishes that. Returns the number of the version. Throws ApiProblem. */
export async function publish(source: string, why: string): Promise<number | null> {
  await answerOf(
    routing.POST('/configuration/check', {
      params: { query: { warnings: false }, header: { 'Idempotency-Key': newKey() } },
      headers: { 'Content-Type': 'application/yaml' },
      body: source,
      bodySerializer: (body: string) => body,
    }),
  )
  const { data: draft, headers } = await answerOf(
    routing.POST('/drafts', {
      params: { header: { 'Idempotency-Key': newKey() } },
      body: { name: why, why, source },
    }),
  )
  const published = await dataOf(
    routing.POST('/drafts/{draft_id}/publish', {
      params: {
        path: { draft_id: draft.draft_id },
        header: { 'If-Match': headers.get('etag') ?? `"${draft.revision}"`, 'Idempotency-Key': newKey() },
      },
      body: { why, rollout: 100 },
    }),
  )
  return published.configuration_version
}

/** Whether every service works by a version or a newer one. */
export async function isEverywhere(version: number): Promise<boolean> {
  const found = await Promise.all(SERVICES.map(name => dataOf(every[name].GET('/readyz')).catch(() => null)))
  return found.every(one => (one?.configuration_version ?? -1) >= version)
}

/** Stores the password of the mailbox and tries the login. Throws ApiProblem. */
export async function connect(answers: Answers): Promise<LoginResult> {
  const path = { name: answers.address }
  await answerOf(
    ingestEmail.PUT('/connections/{name}/secret', { params: { path }, body: { secret: answers.password } }),
  )
  return dataOf(
    ingestEmail.POST('/connections/{name}/test', {
      params: { path, header: { 'Idempotency-Key': newKey() } },
    }),
  )
}
