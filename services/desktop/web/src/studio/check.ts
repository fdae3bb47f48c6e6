import { dataOf, routing } from '@/api/client'
import { ApiProblem } from '@/api/problem'
import type { components } from '@/api/routing'
import type { Finding } from './editor/faults'

type Problem = components['schemas']['ProblemDetails']

let newest: { readonly text: string; readonly answer: Promise<readonly Finding[]> } | undefined

/** Everything that is wrong with a document, by routing's own reading of it. The newest text is asked about once. Throws ApiProblem. */
export function checkText(text: string): Promise<readonly Finding[]> {
  if (newest?.text === text) return newest.answer
  const answer = asked(text)
  newest = { text, answer }
  answer.catch(() => {
    if (newest?.answer === answer) newest = undefined
  })
  return answer
}

async function asked(text: string): Promise<readonly Finding[]> {
  try {
    await dataOf(
      routing.POST('/configuration/check', {
        params: { query: { warnings: false } },
        body: text,
        bodySerializer: (body: string) => body,
        headers: { 'Content-Type': 'application/yaml' },
      }),
    )
    return []
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.status !== 422) throw error
    const { errors } = error.details as Partial<Problem>
    const found = (errors ?? []).map(one => ({
      line: one.line ?? 1,
      column: one.column ?? 1,
      message: one.detail ?? error.message,
      severity: 'error' as const,
    }))
    return found.length > 0 ? found : [{ line: 1, column: 1, message: error.message, severity: 'error' }]
  }
}
