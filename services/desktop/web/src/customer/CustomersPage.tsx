import { Empty } from '@/design/show'

export default function CustomersPage() {
  return <Empty icon="inbox" title="CustomersPage" />
}
