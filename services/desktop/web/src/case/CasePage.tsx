import { useParams } from '@tanstack/react-router'
import CaseView from './CaseView'

/** A case on a page of its own. */
export default function CasePage() {
  const { caseId } = useParams({ from: '/cases/$caseId' })
  return <CaseView caseId={caseId} level={1} />
}
