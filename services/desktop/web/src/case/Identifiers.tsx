import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { ConflictView, IdentifierView } from '@/api/customer-profile'
import { Icon, type IconName } from '@/design/icons'
import { useTexts } from '@/texts/catalogue'
import styles from './case.module.css'
import { texts } from './texts'

const ICONS: Readonly<Record<string, IconName>> = {
  email: 'email',
  phone: 'phone',
  did: 'social',
  account: 'key',
}

/** By what a customer is known, and on whose word; whose it is as well, where others claim it. */
export function IdentifierList({
  identifiers,
  conflicts,
  customerId,
  act,
}: {
  identifiers: readonly IdentifierView[]
  conflicts: readonly ConflictView[]
  customerId: string
  /** What can be done with an identifier, after it. */
  act?: (identifier: IdentifierView) => ReactNode
}) {
  const t = useTexts(texts)
  return (
    <>
      <ul className={styles.identifiers}>
        {identifiers.map(one => (
          <li key={`${one.kind}:${one.value}`}>
            <Icon name={ICONS[one.kind] ?? 'customer'} size={14} />
            <span className={styles.value}>
              {one.value}
              <span className="dim small">{t.knownBy(t.statedBy[one.stated_by] ?? one.stated_by)}</span>
            </span>
            {act?.(one)}
          </li>
        ))}
      </ul>
      {conflicts.length > 0 && (
        <ul className={styles.conflicts}>
          {conflicts.map(one => {
            const [id, name] =
              one.customer_id === customerId
                ? [one.other_customer_id, one.other_customer_name]
                : [one.customer_id, one.customer_name]
            return (
              <li key={one.id}>
                <Icon name="warning" size={14} />
                <span>
                  {t.conflict(one.identifier.slice(one.identifier.indexOf(':') + 1))}{' '}
                  <Link to="/customers/$customerId" params={{ customerId: id }}>
                    {name || t.unknownCustomer}
                  </Link>
                </span>
              </li>
            )
          })}
        </ul>
      )}
    </>
  )
}
