import { test } from 'node:test';
import assert from 'node:assert';
import { slug } from 'slug';

test('titles become addresses', () => assert.equal(slug('On Layers'), 'on-layers'));
