export default function CaseView({ caseId }: { caseId: string }) {
  return <section aria-label={caseId} />
}
