import type { ReactNode } from 'react'
import { Tabs as AriaTabs, Tab, TabList, TabPanel } from 'react-aria-components'
import styles from './controls.module.css'

export interface TabPart<T extends string> {
  readonly id: T
  readonly label: ReactNode
  readonly content: () => ReactNode
}

/** Parts of a page of which one is shown. */
export function Tabs<T extends string>({
  label,
  parts,
  value,
  onChange,
}: {
  label: string
  parts: readonly TabPart<T>[]
  value: T
  onChange: (value: T) => void
}) {
  return (
    <AriaTabs selectedKey={value} onSelectionChange={key => onChange(key as T)}>
      <TabList aria-label={label} className={styles.tabs ?? ''}>
        {parts.map(part => (
          <Tab key={part.id} id={part.id} className={styles.tab ?? ''}>
            {part.label}
          </Tab>
        ))}
      </TabList>
      {parts.map(part => (
        <TabPanel key={part.id} id={part.id} className={styles.panel ?? ''}>
          {part.content()}
        </TabPanel>
      ))}
    </AriaTabs>
  )
}
