// Drives the Okta simulator with Okta's official client for Node (npm @okta/okta-sdk-nodejs 8.1.0): what its Python client
// (okta_check.py) does not reach, and the ways of signing in and of paging, which each client does otherwise.
//
// The simulator is wrong until the official client agrees with it. Start the simulators, and hand over where tests/fidelity/install
// put the client and the line of JSON that the simulators print:
//
//     node okta_check.mjs ../.tools/fidelity "$(head -1 world.json)"
//
// Exits with 1 when anything disagrees; the last line is "N passed, M failed".
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';

process.env.OKTA_TESTING_DISABLEHTTPSCHECK = 'true';
const [tools, said] = process.argv.slice(2);
const require = createRequire(path.join(path.resolve(tools), 'node_modules/'));
const okta = require('@okta/okta-sdk-nodejs');
const world = JSON.parse(said).okta;

const client = new okta.Client({ orgUrl: world.url, token: world.token, cacheMiddleware: null });
const checks = [];
const check = (name, test) => checks.push([name, test]);

function service(clientId, scopes = world.scopes) {
  return new okta.Client({
    orgUrl: world.url, authorizationMode: 'PrivateKey', clientId, scopes, privateKey: world.private_key_pem, keyId: world.key_id,
    cacheMiddleware: null,
  });
}

function person(login, more = {}) {
  return { profile: { login, email: login, firstName: 'Node', lastName: 'Person', ...more } };
}

async function created(login, more) {
  const credentials = { password: { value: 'correct horse battery staple 1' } };
  return client.userApi.createUser({ body: { ...person(login, more), credentials } });
}

async function refused(status, code, promise) {
  try {
    await promise;
  } catch (error) {
    assert.deepEqual([error.status, error.errorCode], [status, code], String(error));
    return;
  }
  assert.fail(`expected ${status} ${code}, but it was accepted`);
}

async function all(collection) {
  const found = [];
  await (await collection).each((one) => void found.push(one));
  return found;
}

check('lists lead from page to page', async () => {
  for (let number = 0; number < 5; number += 1) await created(`node.page${number}@example.com`);
  const logins = (await all(client.userApi.listUsers({ limit: 3 }))).map((user) => user.profile.login);
  assert.equal(new Set(logins).size, logins.length, 'nobody twice');
  for (let number = 0; number < 5; number += 1) assert.ok(logins.includes(`node.page${number}@example.com`), logins.join());
});

check('a provisioned user is invited again', async () => {
  const user = await client.userApi.createUser({ body: person('node.invited@example.com') });
  assert.equal(user.status, 'PROVISIONED');
  const again = await client.userApi.reactivateUser({ userId: user.id, sendEmail: false });
  assert.ok(again.activationUrl && again.activationToken);
  await refused(403, 'E0000032', client.userApi.unlockUser({ userId: user.id }));
});

check('who is locked out is let in again', async () => {
  await client.userApi.unlockUser({ userId: world.locked_id });
  assert.equal((await client.userApi.getUser({ userId: world.locked_id })).status, 'ACTIVE');
});

check('a password is expired and reset', async () => {
  const user = await created('node.password@example.com');
  assert.equal((await client.userApi.expirePassword({ userId: user.id })).status, 'PASSWORD_EXPIRED');
  const link = await client.userApi.generateResetPasswordToken({ userId: user.id, sendEmail: false });
  assert.match(link.resetPasswordUrl, /reset_password/);
  assert.equal((await client.userApi.getUser({ userId: user.id })).status, 'RECOVERY');
});

check('clients of a user lose their tokens', async () => {
  const clients = await all(client.userApi.listUserClients({ userId: world.holder_id }));
  assert.deepEqual(clients.map((one) => one.client_id), ['0oaReportingTool0001']);
  await client.userApi.revokeTokensForUserAndClient({ userId: world.holder_id, clientId: '0oaReportingTool0001' });
  assert.deepEqual(await all(client.userApi.listUserClients({ userId: world.holder_id })), []);
});

check('one factor is removed', async () => {
  const factors = await all(client.userFactorApi.listFactors({ userId: world.enrolled_id }));
  const sms = factors.find((factor) => factor.factorType === 'sms');
  await client.userFactorApi.unenrollFactor({ userId: world.enrolled_id, factorId: sms.id });
  const left = await all(client.userFactorApi.listFactors({ userId: world.enrolled_id }));
  assert.deepEqual(left.map((factor) => factor.factorType), ['push']);
});

check('one role is read', async () => {
  const [role] = await all(client.roleAssignmentApi.listAssignedRolesForUser({ userId: world.admin_id }));
  const one = await client.roleAssignmentApi.getUserAssignedRole({ userId: world.admin_id, roleId: role.id });
  assert.deepEqual([one.id, one.type], [role.id, 'SUPER_ADMIN']);
});

check('linked objects are links', async () => {
  const user = await created('node.linked@example.com');
  assert.deepEqual(await all(client.userApi.listLinkedObjectsForUser({ userId: user.id, relationshipName: 'manager' })), []);
});

check('a group is read, renamed and deleted', async () => {
  const group = await client.groupApi.createGroup({ group: { profile: { name: 'Node group', description: 'by the Node client' } } });
  assert.equal((await client.groupApi.getGroup({ groupId: group.id })).profile.name, 'Node group');
  const renamed = await client.groupApi.replaceGroup({ groupId: group.id, group: { profile: { name: 'Renamed', description: 'still' } } });
  assert.equal(renamed.profile.name, 'Renamed');
  await client.groupApi.deleteGroup({ groupId: group.id });
  await refused(404, 'E0000007', client.groupApi.getGroup({ groupId: group.id }));
});

check('apps are listed and read', async () => {
  const labels = (await all(client.applicationApi.listApplications({ limit: 1 }))).map((app) => app.label);
  assert.ok(labels.includes('CRM') && labels.includes('Wiki'), labels.join());
  const app = await client.applicationApi.getApplication({ appId: world.app_id });
  assert.deepEqual([app.label, app.status], ['CRM', 'ACTIVE']);
});

check('a member of a binding is read and taken out', async () => {
  const place = { resourceSetId: 'iam0simulatedSet0001', roleIdOrLabel: 'cr00simulatedRole001' };
  const { members } = await client.resourceSetApi.listMembersOfBinding(place);
  const one = await client.resourceSetApi.getMemberOfBinding({ ...place, memberId: members[0].id });
  assert.equal(one.id, members[0].id);
  await client.resourceSetApi.unassignMemberFromBinding({ ...place, memberId: one.id });
  assert.deepEqual(await all(client.roleAssignmentApi.listAssignedRolesForUser({ userId: world.delegate_id })), []);
});

check('a leaver is cut, and comes back', async () => {
  const user = await created('node.leaver@example.com');
  await client.userApi.suspendUser({ userId: user.id });
  await refused(400, 'E0000001', client.userApi.suspendUser({ userId: user.id }));
  await client.userApi.revokeUserSessions({ userId: user.id, oauthTokens: true, forgetDevices: true });
  await client.userApi.revokeUserGrants({ userId: user.id });
  const events = await all(client.systemLogApi.listLogEvents({
    since: new Date(Date.now() - 3_600_000).toISOString(), until: new Date(Date.now() + 60_000).toISOString(),
    filter: `target.id eq "${user.id}"`,
  }));
  assert.ok(events.map((event) => event.eventType).includes('user.lifecycle.suspend'), JSON.stringify(events));
  await client.userApi.unsuspendUser({ userId: user.id });
  assert.equal((await client.userApi.getUser({ userId: user.id })).status, 'ACTIVE');
});

check('a service app signs in, with a bearer token and with DPoP', async () => {
  for (const id of [world.client_id, world.dpop_client_id]) {
    const user = await service(id).userApi.getUser({ userId: 'bo.lindqvist@example.com' });
    assert.equal(user.profile.firstName, 'Bo');
  }
  const found = await all(service(world.dpop_client_id).userApi.listUsers({ limit: 3 }));
  assert.ok(found.length > 3, 'every page has a proof of its own');
});

// The last one: it ends the token that all others use.
check('a token revokes itself', async () => {
  await client.apiTokenApi.revokeCurrentApiToken();
  await refused(401, 'E0000011', client.userApi.getUser({ userId: world.admin_id }));
});

let failed = 0;
for (const [name, test] of checks) {
  try {
    await test();
    console.log(`ok    ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}\n${error.stack ?? error}`);
  }
}
console.log(`${checks.length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
