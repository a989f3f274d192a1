// validate_glb.mjs --modules FOLDER FILE.glb...
//
// Runs the Khronos glTF validator over GLB files and fails on any error or warning. FOLDER holds
// node_modules with the package gltf-validator: npm install --prefix FOLDER gltf-validator
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const [flag, folder, ...files] = process.argv.slice(2);
if (flag !== "--modules" || files.length === 0) {
    console.error("usage: validate_glb.mjs --modules FOLDER FILE.glb...");
    process.exit(2);
}

let validator;
try {
    validator = createRequire(resolve(folder, "package.json"))("gltf-validator");
} catch (fault) {
    console.error(`${folder}: ${fault.code}; install it there: npm install --prefix ${folder} gltf-validator`);
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
