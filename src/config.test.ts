import { expect } from 'chai';
import { ConfigError, readConfig } from './config.ts';

const complete = {
  POD_NAME: 'sb-operator-0',
  SB_S3_ENDPOINT: 'http://sb-s3:7070',
  SB_S3_PUBLIC_ENDPOINT: 'http://127.0.0.1:7070/',
  SB_IMAGE_REPOSITORY: 'sb-registry:5000/sandboxes',
  SB_REGISTRY_MIRRORS: 'docker.io=http://sb-registry:5000,sb-registry:5000=http://sb-registry:5000',
  SB_BUILDKIT_ADDR: 'tcp://sb-buildkit:1234',
  SB_BUILDCTL_IMAGE: 'sb-registry:5000/buildctl:v1',
  SB_COURIER_IMAGE: 'sb-registry:5000/sb-operator:1',
  SB_BROKER_URL: 'https://sb-broker.sb-system.svc:8443',
};

describe('config', () => {
  it('reads a complete environment', () => {
    const config = readConfig(complete);
    expect(config.s3.publicEndpoint).to.equal('http://127.0.0.1:7070');
    expect(config.registryMirrors).to.deep.equal({
      'docker.io': 'http://sb-registry:5000',
      'sb-registry:5000': 'http://sb-registry:5000',
    });
    expect(config.broker.port).to.equal(8443);
  });

  it('names every missing and every wrong setting at once', () => {
    const wrong = {
      ...complete,
      POD_NAME: '',
      SB_BROKER_URL: 'http://plain',
      SB_BROKER_PORT: 'x',
      SB_PROFILE: 'moon',
    };
    expect(() => readConfig(wrong))
      .to.throw(ConfigError)
      .with.property('message')
      .that.matches(/SB_PROFILE: moon/)
      .and.matches(/POD_NAME: missing/)
      .and.matches(/SB_BROKER_URL: http:\/\/plain/)
      .and.matches(/SB_BROKER_PORT: x/);
  });

  it('refuses a mirror that is no pair', () => {
    expect(() => readConfig({ ...complete, SB_REGISTRY_MIRRORS: 'docker.io' })).to.throw(
      'SB_REGISTRY_MIRRORS: docker.io',
    );
  });
});
