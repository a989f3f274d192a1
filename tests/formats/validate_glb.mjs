// validate_glb.mjs [--modules FOLDER] FILE.glb...
//
// Runs the Khronos glTF validator over GLB files and fails on any error or warning. The package
// gltf-validator is found in the node_modules of FOLDER, of this folder and those above, or in NODE_PATH.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const files = process.argv.slice(2);
const folder = files[0] === "--modules" ? files.splice(0, 2)[1] : undefined;
if (files.length === 0) {
    console.error("usage: validate_glb.mjs [--modules FOLDER] FILE.glb...");
    process.exit(2);
}

let validator;
try {
    validator = createRequire(folder ? resolve(folder, "package.json") : import.meta.url)("gltf-validator");
} catch (fault) {
    console.error(`gltf-validator: ${fault.code}; install it: npm install --prefix FOLDER gltf-validator`);
    process.exit(2);
}

let failed = 0, infos = 0;
for (const file of files) {
    const report = await validator.validateBytes(new Uint8Array(readFileSync(file)), { maxIssues: 20 });
    const issues = report.issues;
    infos += issues.numInfos + issues.numHints;
    if (issues.numErrors + issues.numWarnings > 0 || report.info.version !== "2.0") {
        failed++;
        for (const message of issues.messages)
            console.log(`${file}: ${message.code} at ${message.pointer ?? message.offset}: ${message.message}`);
    }
}
console.log(`${files.length - failed} of ${files.length} GLB files without an error or warning (${infos} infos and hints)`);
process.exit(failed === 0 ? 0 : 1);
