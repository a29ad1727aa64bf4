/** What the schemas of documents are made of. */
import { Type, type TSchema } from 'typebox';
import { structural } from '../../crds/structural.ts';

/** Documents by the name of their schema: what each is, for the reference, and its schema. */
export type Documents = Record<string, { title: string; schema: TSchema }>;

export const Text = (description: string) => Type.String({ description });
/** RFC 3339. */
export const Time = (description: string) => Type.String({ format: 'date-time', description });
export const Flag = (description: string) => Type.Boolean({ description });
export const Whole = (description: string) => Type.Integer({ minimum: 0, description });
export const OrNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
export const Texts = (description: string) => Type.Array(Type.String(), { description });
export const Numbers = (description: string) => Type.Record(Type.String(), Type.Number(), { description });
export const OneOf = <T extends string>(values: readonly T[], description: string) =>
  Type.Unsafe<T>({ type: 'string', enum: [...values], description });
/** Fields may be added; none goes away or changes its meaning. */
export const Fields = <T extends Record<string, TSchema>>(
  fields: T,
  options: { description?: string } = {},
) => Type.Object(fields, { additionalProperties: true, ...options });

/** A schema of the API, as the API server hands its objects out. */
export const OfApi = <T extends TSchema>(schema: T) => Type.Unsafe<Type.Static<T>>(plain(structural(schema)));

/** A schema of a format of its own, such as Harbor’s trajectories. */
export const OfFormat = <T extends TSchema>(schema: T) => Type.Unsafe<Type.Static<T>>(plain(schema));

/** A structural schema in the words of JSON Schema, without what only Kubernetes understands. */
export const plain = (schema: object): TSchema =>
  JSON.parse(
    JSON.stringify(schema, (key, value: unknown) =>
      key.startsWith('x-kubernetes-') ? undefined : withTypes(value),
    ),
  ) as TSchema;

const withTypes = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && 'x-kubernetes-int-or-string' in value
    ? { type: ['integer', 'string'], ...value }
    : value;
