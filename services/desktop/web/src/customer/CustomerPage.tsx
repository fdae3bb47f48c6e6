import { Empty } from '@/design/show'

export default function CustomerPage() {
  return <Empty icon="inbox" title="CustomerPage" />
}
