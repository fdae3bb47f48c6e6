import { Empty } from '@/design/show'

export default function InboxPage() {
  return <Empty icon="inbox" title="InboxPage" />
}
