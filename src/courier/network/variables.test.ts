import { expect } from 'chai';
import { proxyVariables } from './variables.ts';

describe('the variables of the proxy', () => {
  it('name it in both cases, and leave the Pod itself out', () => {
    expect(proxyVariables(7, [])).to.deep.equal({
      HTTP_PROXY: 'http://127.0.0.1:7',
      http_proxy: 'http://127.0.0.1:7',
      HTTPS_PROXY: 'http://127.0.0.1:7',
      https_proxy: 'http://127.0.0.1:7',
      NO_PROXY: 'localhost,127.0.0.1,::1',
      no_proxy: 'localhost,127.0.0.1,::1',
      NODE_USE_ENV_PROXY: '1',
    });
  });

  it('leave the Pod’s services out, by their names', () => {
    expect(proxyVariables(7, [], ['db', 'web'])).to.deep.include({
      NO_PROXY: 'localhost,127.0.0.1,::1,db,web',
      no_proxy: 'localhost,127.0.0.1,::1,db,web',
    });
  });

  it('leave alone what is set already, in either case', () => {
    expect(proxyVariables(7, ['http_proxy', 'No_Proxy', 'NODE_USE_ENV_PROXY'])).to.have.all.keys(
      'HTTPS_PROXY',
      'https_proxy',
    );
  });
});
