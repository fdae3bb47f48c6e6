/** A problem detail of an API (RFC 9457), or that no answer came. */
export interface ProblemDetails {
  readonly type?: string
  readonly title?: string
  readonly status?: number
  readonly detail?: string | null
  readonly errors?: readonly { readonly detail?: string | null; readonly pointer?: string | null }[] | null
  readonly [member: string]: unknown
}

/** A request that was refused (`status` of HTTP), or whose answer never came (`status` 0). */
export class ApiProblem extends Error {
  constructor(
    readonly status: number,
    readonly details: ProblemDetails,
  ) {
    super(details.detail ?? details.title ?? `HTTP ${status}`)
  }

  /** The kind of the problem: the last part of its `type`, e.g. `precondition-failed`. */
  get kind(): string {
    return this.details.type?.split(/[/:]/).at(-1) ?? ''
  }

  /** Whether nothing came back, so that nobody knows whether the request took effect. */
  get isLost(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 503 || this.status === 504
  }
}
