import { Empty } from '@/design/show'

export default function AdminPage() {
  return <Empty icon="inbox" title="AdminPage" />
}
