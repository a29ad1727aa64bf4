import { expect } from 'chai';
import { parsedObject } from './writers.ts';

const MANAGED = [
  {
    manager: 'a],"name":"b]},"spec":{',
    fieldsType: 'FieldsV1',
    fieldsV1: { 'f:spec': { 'k:{"name":"]},\\"spec\\":{"}': { '.': {}, 'f:image': {} } } },
  },
];
/** In the order in which the API server writes its own kinds. */
const job = (managedFields: unknown, template: object = {}) => ({
  kind: 'Job',
  metadata: { name: 'a-1', labels: { a: ',"managedFields":[' }, managedFields },
  spec: { args: ['x'], template },
  status: { active: 1 },
});
/** In the order in which it writes kinds that are not its own. */
const trial = (managedFields: unknown) => ({
  kind: 'Trial',
  metadata: { annotations: { a: '],"name":"' }, managedFields, name: 'a', ownerReferences: [{ name: 'b' }] },
  spec: { names: ['x'], name: 'c' },
});
const told = (object: object): string => JSON.stringify({ type: 'MODIFIED', object });
const without = <T extends { metadata: object }>(object: T) => {
  const { managedFields: _, ...metadata } = object.metadata as { managedFields?: unknown };
  return { type: 'MODIFIED', object: { ...object, metadata } };
};

describe('an object of the API server', () => {
  it('is read as it is, but for who wrote which field', () => {
    for (const object of [job(MANAGED), trial(MANAGED)])
      expect(parsedObject(told(object))).to.deep.equal(without(object));
  });

  it('is read as it is where nobody is named', () => {
    for (const object of [job(undefined), trial(undefined)])
      expect(parsedObject(told(object))).to.deep.equal(JSON.parse(told(object)));
  });

  it('is read as a whole where somebody has made the end of the list look nearer, or farther, than it is', () => {
    const nearer = [{ fieldsV1: { list: [1], name: 'x', spec: { list: [{ list: [1] }, { spec: {} }] } } }];
    const text = told(job(nearer)).replace('"list":[1],"name":"x"', '"a":{"list":[1]},"spec":{}');
    expect(parsedObject(text)).to.deep.equal(JSON.parse(text));
    expect(parsedObject(told(job([{ fieldsV1: { list: [1], name: 'x' } }])))).to.deep.equal(
      JSON.parse(told(job([{ fieldsV1: { list: [1], name: 'x' } }]))),
    );
  });

  it('is none where it is no JSON', () => {
    expect(() => parsedObject(told(job(MANAGED)).slice(0, -1))).to.throw(SyntaxError);
  });
});
