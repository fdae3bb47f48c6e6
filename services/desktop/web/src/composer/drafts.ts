/** Puts words back into the composer of a case. */
export function restoreWords(_caseId: string, _text: string): void {}
