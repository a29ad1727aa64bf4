import { expect } from 'chai';
import { block, entries, items, scalar, template, text } from './holes.ts';

describe('A template of the chart', () => {
  it('has a text quoted, for a namespace may be called 123', () => {
    expect(template({ namespace: text('.Release.Namespace') })).to.equal(
      'namespace: {{ .Release.Namespace | quote }}\n',
    );
  });

  it('has the same within a longer text as it is', () => {
    const user = `system:serviceaccount:${text('.Release.Namespace')}:sb-operator`;
    expect(template({ rule: `user == '${user}'` })).to.equal(
      "rule: user == 'system:serviceaccount:{{ .Release.Namespace }}:sb-operator'\n",
    );
  });

  it('has numbers, blocks, further entries and further items where they belong', () => {
    const object = {
      a: { replicas: scalar('int .n'), resources: block('toYaml .r'), ...entries('include "m" .') },
      list: [{ name: 'one' }, items('include "l" .')],
    };
    expect(template(object, '.Values.on')).to.equal(
      [
        '{{- if .Values.on }}',
        'a:',
        '  replicas: {{ int .n }}',
        '  resources: {{- toYaml .r | nindent 4 }}',
        '  {{- include "m" . | nindent 2 }}',
        'list:',
        '  - name: one',
        '  {{- include "l" . | nindent 2 }}',
        '{{- end }}',
        '',
      ].join('\n'),
    );
  });

  it('refuses what Helm would take for an expression of its own', () => {
    expect(() => template({ description: 'write {{ .Values }}' })).to.throw("{{ is Helm's");
  });
});
