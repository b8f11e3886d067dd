// Runs a script of a test with a browser: drive.mjs SCRIPT. The script's default
// export gets {launch, axe, options}: what starts the browser, the source of
// axe-core, and the JSON of PAGE_OPTIONS. CHROMIUM names the browser.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const { default: run } = await import(pathToFileURL(path.resolve(process.argv[2])));
const options = JSON.parse(process.env.PAGE_OPTIONS ?? '{}');
const launch = (args = []) => chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox', ...args] });
await run({ launch, axe, options });
