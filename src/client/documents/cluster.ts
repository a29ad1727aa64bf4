/** What is said of a cluster, in documents. */
import { Type } from 'typebox';
import type { Code } from '../failures/error.ts';
import { Fields, Flag, OneOf, Text, Texts, type Documents } from './words.ts';

/** Versions of everything that has to fit together. What is missing could not be found out; `problems` says why. */
const Versions = Fields({
  client: Text('Of sb.'),
  kubernetes: Type.Optional(Text('Of the API server, `v1.36.1`.')),
  operator: Type.Optional(Text('Of sb-operator, as its ConfigMap `sb-client` says.')),
  customResources: Type.Optional(
    Fields({
      served: Texts('`sb.abundant.ai/v1alpha1`, all that are served.'),
      current: Flag('The cluster’s know every field of this sb.'),
    }),
  ),
  problems: Texts('Why something is missing.'),
});
export type Versions = Type.Static<typeof Versions>;

/** Something that a check of `sb doctor` found. */
const CheckResult = Fields({
  check: Text('Name of the check, one word; never changed.'),
  state: OneOf(
    ['fine', 'warning', 'problem', 'skipped'],
    '`skipped`: it could not be looked at, for a reason that another result names.',
  ),
  what: Text('`the broker has 2 endpoints`.'),
  why: Type.Optional(Text('What is behind it.')),
  fix: Type.Optional(Text('The command that puts it right, or what to do. May have several lines.')),
  manifest: Type.Optional(Text('YAML that the fix applies.')),
  code: Type.Optional(Type.Unsafe<Code>(Text('Where the same failure has a page, as in docs/errors.'))),
});
export type CheckResult = Type.Static<typeof CheckResult>;

/** `sb doctor`. */
const Diagnosis = Fields({
  fine: Flag('Nothing is wrong; warnings there may be.'),
  context: Type.Optional(Text('Of the kubeconfig.')),
  namespace: Type.Optional(Text('That was looked at.')),
  results: Type.Array(CheckResult),
});
export type Diagnosis = Type.Static<typeof Diagnosis>;

/** Its documents, by the name of their schema. */
export const CLUSTER_DOCUMENTS = {
  doctor: { title: 'Everything that a run depends on', schema: Diagnosis },
  version: { title: 'What has to fit together', schema: Versions },
} as const satisfies Documents;
