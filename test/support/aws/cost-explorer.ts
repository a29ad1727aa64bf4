/**
 * Cost Explorer: what an account was charged, added up by month and tag. Source: API reference 2017-10-25, GetCostAndUsage, GroupDefinition,
 * Expression, ListCostAllocationTags. A group is called `<tag>$<value>`; the order of groups and the size of pages are ours.
 */
import { AwsError } from './wire.ts';

/** A line of the bill. */
export interface Line {
  /** In UTC, as `2026-11-30`. */
  day: string;
  /** Of the resource. */
  tags: Readonly<Record<string, string>>;
  /** As AWS writes amounts. */
  amount: string;
  /** Default: `USD`. */
  unit?: string;
  /** Dimension RECORD_TYPE; default: `Usage`. */
  recordType?: string;
}

interface Asked {
  TimePeriod?: { Start?: string; End?: string };
  Granularity?: string;
  Metrics?: string[];
  GroupBy?: { Type?: string; Key?: string }[];
  Filter?: Expression;
  NextPageToken?: string;
}

interface Expression {
  And?: Expression[];
  Not?: Expression;
  Tags?: { Key: string; Values: string[] };
  Dimensions?: { Key: string; Values: string[] };
}

const DATE = /^\d{4}-\d{2}-\d{2}$/;

const invalid = (message: string): AwsError => new AwsError('ValidationException', message);

export class CostExplorer {
  /** What was charged; a test adds to it. */
  readonly lines: Line[] = [];
  /** Tags that the account has activated as cost allocation tags: the others are as if they were not there. */
  readonly activated = new Set<string>(['user_id', 'sb:stack']);
  /** Groups in a page. */
  pageSize = 500;

  call(operation: string, asked: object): object {
    if (operation === 'ListCostAllocationTags') return this.#tags(asked);
    if (operation !== 'GetCostAndUsage')
      throw new AwsError('UnknownOperationException', `${operation} is not supported by this stand-in`);
    return this.#usage(asked);
  }

  /** Keys that somebody has activated, and those that resources have had. */
  #tags({ TagKeys, Status }: { TagKeys?: string[]; Status?: string }): object {
    const used = this.lines.flatMap(({ tags }) => Object.keys(tags));
    const all = [...new Set([...this.activated, ...used])].map((TagKey) => ({
      TagKey,
      Type: 'UserDefined',
      Status: this.activated.has(TagKey) ? 'Active' : 'Inactive',
    }));
    const isWanted = (tag: (typeof all)[number]): boolean =>
      (TagKeys?.includes(tag.TagKey) ?? true) && (Status === undefined || tag.Status === Status);
    return { CostAllocationTags: all.filter(isWanted) };
  }

  #usage(asked: Asked): object {
    const { key, metric, start, end } = checked(asked);
    const { Filter, NextPageToken: token = '0' } = asked;
    const within = this.lines.filter(({ day }) => day >= start && day < end);
    const found = within.filter((line) => this.#matches(line, Filter));
    const groups = [...Map.groupBy(found, ({ tags }) => this.#value(tags, key))].map(([value, lines]) => ({
      Keys: [`${key}$${value}`],
      Metrics: { [metric]: sumOf(lines) },
    }));
    const from = Number(token);
    const next = from + this.pageSize;
    return {
      ...(next < groups.length && { NextPageToken: String(next) }),
      GroupDefinitions: [{ Type: 'TAG', Key: key }],
      ResultsByTime: [
        {
          TimePeriod: { Start: start, End: end },
          Total: {},
          Groups: groups.slice(from, next),
          Estimated: true,
        },
      ],
      DimensionValueAttributes: [],
    };
  }

  #value = (tags: Line['tags'], key: string): string => (this.activated.has(key) ? (tags[key] ?? '') : '');

  #matches(line: Line, { And, Not, Tags, Dimensions }: Expression = {}): boolean {
    if (And) return And.every((one) => this.#matches(line, one));
    if (Not) return !this.#matches(line, Not);
    if (Tags) return Tags.Values.includes(this.#value(line.tags, Tags.Key));
    if (!Dimensions) return true;
    const { Key, Values } = Dimensions;
    if (Key !== 'RECORD_TYPE') throw invalid(`Dimension ${Key} is not supported by this stand-in`);
    return Values.includes(line.recordType ?? 'Usage');
  }
}

function checked(asked: Asked): { key: string; metric: string; start: string; end: string } {
  const { Granularity, Metrics: [metric = ''] = [] } = asked;
  if (Granularity !== 'MONTHLY')
    throw invalid(`Granularity ${Granularity} is not supported by this stand-in`);
  if (metric !== 'AmortizedCost') throw invalid(`Metric ${metric} is not supported by this stand-in`);
  return { metric, key: keyIn(asked), ...timeIn(asked) };
}

function timeIn({ TimePeriod: { Start: start = '', End: end = '' } = {} }: Asked) {
  if (!DATE.test(start) || !DATE.test(end)) throw invalid('Start and End must be dates such as 2026-11-30');
  if (start >= end) throw invalid(`Start date (and hour) should be before end date (and hour)`);
  if (start.slice(0, 7) !== dayBefore(end).slice(0, 7))
    throw invalid('Several months are not supported by this stand-in');
  return { start, end };
}

function keyIn({ GroupBy = [] }: Asked): string {
  const [{ Type, Key: key = '' } = {}, ...others] = GroupBy;
  if (Type !== 'TAG' || key === '' || others.length > 0)
    throw invalid('Only one group, by a tag, is supported by this stand-in');
  return key;
}

const dayBefore = (day: string): string => new Date(Date.parse(day) - 86_400_000).toISOString().slice(0, 10);

/** A bill has one currency; a stand-in that mixes them would be wrong. */
function sumOf(lines: readonly Line[]): { Amount: string; Unit: string } {
  const [first] = lines;
  const Unit = first?.unit ?? 'USD';
  const [only, ...others] = lines.map(({ amount }) => amount);
  if (only !== undefined && others.length === 0) return { Amount: only, Unit };
  return { Amount: String(lines.reduce((sum, { amount }) => sum + Number(amount), 0)), Unit };
}
