import { expect } from 'chai';
import { definitions } from './kinds.ts';
import { fields, structural, type Structural } from './structural.ts';
import { Type } from './schema.ts';

/** What a schema of each type must say to be structural and bounded. */
const DEMANDS: Record<NonNullable<Structural['type']>, Record<string, (schema: Structural) => boolean>> = {
  string: {
    'a maxLength or an enum': ({ maxLength, enum: values }) =>
      maxLength !== undefined || values !== undefined,
  },
  array: {
    'a maxItems': ({ maxItems }) => maxItems !== undefined,
    'a list type': (schema) => schema['x-kubernetes-list-type'] !== undefined,
    items: ({ items }) => items !== undefined,
  },
  object: {
    'either properties or additionalProperties': ({ properties, additionalProperties }) =>
      !properties !== !additionalProperties,
    'a maxProperties': ({ properties, maxProperties }) =>
      properties !== undefined || maxProperties !== undefined,
  },
  integer: { 'a format': ({ format }) => format !== undefined },
  number: {},
  boolean: {},
};

const described = definitions.flatMap(({ spec }) => {
  const { spec: wanted, status } = spec.versions[0]?.schema.openAPIV3Schema.properties ?? {};
  return [
    ...(wanted ? fields(wanted, `${spec.names.kind}.spec`) : []),
    ...(status ? fields(status, `${spec.names.kind}.status`, false) : []),
  ];
});

describe('The schemas of spec and status', () => {
  it('are structural and bounded: each type says what it must', () => {
    expect(described.length).to.be.greaterThan(200);
    for (const { path, schema } of described)
      for (const [demand, isMet] of Object.entries(DEMANDS[schema.type ?? 'string']))
        expect(isMet(schema), `${path} needs ${demand}`).to.equal(true);
  });

  it('bound every number that people write', () => {
    const written = described.filter(
      ({ path, schema }) => path.includes('.spec.') && schema.type === 'integer',
    );
    expect(
      written.filter(({ schema }) => schema.minimum === undefined).map(({ path }) => path),
    ).to.deep.equal([]);
  });

  it('describe every field', () => {
    const silent = described.filter(({ path, schema }) => !/[\]}]$/.test(path) && !schema.description);
    expect(silent.map(({ path }) => path)).to.deep.equal([]);
  });

  it('tell map lists apart by keys that every item has', () => {
    const maps = described.filter(({ schema }) => schema['x-kubernetes-list-type'] === 'map');
    expect(maps.length).to.be.greaterThan(5);
    for (const { path, schema } of maps)
      expect(schema.items?.required, path).to.include.members(schema['x-kubernetes-list-map-keys'] ?? []);
  });

  it('write out nested defaults, because the API server checks a default before it fills it in', () => {
    const verifier = described.find(({ path }) => path === 'Trial.spec.verifier');
    expect(verifier?.schema.default).to.deep.equal({ disabled: false });
    const environment = described.find(({ path }) => path === 'Trial.spec.environment');
    expect(environment?.schema.default).to.deep.equal({
      allowPrivilegeEscalation: true,
      network: { enforcement: 'BestEffort' },
    });
  });

  it('require no field that has a default', () => {
    const needless = described.filter(({ schema, required }) => required && schema.default !== undefined);
    expect(needless.map(({ path }) => path)).to.deep.equal([]);
  });
});

describe('The CustomResourceDefinitions', () => {
  it('keep spec and status apart by the status subresource, under the category sb', () => {
    expect(definitions.map(({ metadata }) => metadata.name)).to.deep.equal([
      'trials.sb.abundant.ai',
      'taskbuilds.sb.abundant.ai',
      'sandboxes.sb.abundant.ai',
    ]);
    for (const { spec } of definitions) {
      expect(spec.versions.map(({ subresources }) => subresources)).to.deep.equal([{ status: {} }]);
      expect(spec.names.categories).to.deep.equal(['sb']);
    }
  });

  it('have a status taken as one value', () => {
    for (const { spec } of definitions) {
      const { status } = spec.versions[0]?.schema.openAPIV3Schema.properties ?? {};
      expect(status?.['x-kubernetes-map-type']).to.equal('atomic');
    }
  });

  it('point columns and selectable fields at fields that exist', () => {
    for (const { spec } of definitions) {
      const paths = described.map(({ path }) => path.replace(spec.names.kind, '').replaceAll('[]', ''));
      const { additionalPrinterColumns, selectableFields = [] } = spec.versions[0] ?? {
        additionalPrinterColumns: [],
      };
      const named = [...additionalPrinterColumns, ...selectableFields].map(({ jsonPath }) =>
        jsonPath.replaceAll(/\[[^\]]*\]/g, ''),
      );
      expect(paths).to.include.members(named.filter((path) => path !== '.metadata.creationTimestamp'));
      expect(selectableFields.length).to.be.at.most(8);
    }
  });
});

describe('A structural schema', () => {
  it('cannot be made of a union, which would put types inside anyOf', () => {
    expect(() => structural(Type.Union([Type.String(), Type.Number()]))).to.throw('anyOf has no place');
  });

  it('leaves out formats that the API server does not know', () => {
    expect(structural(Type.String({ format: 'uri', maxLength: 9 }))).to.deep.equal({
      type: 'string',
      maxLength: 9,
    });
  });
});
