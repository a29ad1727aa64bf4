/** Pure: accounts as they are written down. */
import { isRecord, parsedJson } from '../text/json.ts';
import type { Account, Hold } from './account.ts';

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
const isLeftOut = (value: unknown, is: (value: unknown) => boolean): boolean =>
  value === undefined || is(value);

const isHold = (value: unknown): value is Hold =>
  isRecord(value) &&
  isNumber(value['since']) &&
  isNumber(value['rate']) &&
  value['rate'] >= 0 &&
  isLeftOut(value['on'], (on) => on === true);

const isDay = (value: unknown): boolean =>
  isRecord(value) && /^\d{4}-\d{2}-\d{2}$/.test(String(value['of'])) && isNumber(value['spent']);

const isAccount = (value: unknown): value is Account =>
  isRecord(value) &&
  /^\d{4}-\d{2}$/.test(String(value['month'])) &&
  isNumber(value['spent']) &&
  isNumber(value['at']) &&
  isRecord(value['holds']) &&
  Object.values(value['holds']).every(isHold) &&
  isLeftOut(value['spentSince'], isNumber) &&
  isLeftOut(value['extra'], (extra) => isNumber(extra) && extra >= 0) &&
  isLeftOut(value['day'], isDay) &&
  isLeftOut(value['warned'], (warned) => warned === true);

/** By namespace. Throws where one of them is none: whoever cannot read what was spent lets nobody spend. */
export function readAccounts(data: Readonly<Record<string, string>> = {}): Map<string, Account> {
  return new Map(
    Object.entries(data).map(([namespace, text]) => {
      const account = parsedJson(text);
      if (!isAccount(account)) throw new Error(`key ${namespace} holds no account: ${text.slice(0, 100)}`);
      return [namespace, account];
    }),
  );
}

export const writtenAccounts = (accounts: ReadonlyMap<string, Account>): Record<string, string> =>
  Object.fromEntries([...accounts].map(([namespace, account]) => [namespace, JSON.stringify(account)]));
