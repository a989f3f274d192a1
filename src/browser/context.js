// Makes the WebGL 2 context that engine.js has put into Module.context the current one of OpenGL ES in C.
mergeInto(LibraryManager.library, {
  script_take_context__deps: ['$GL'],
  script_take_context: function () {
    var context = GL.registerContext(Module['context'], { majorVersion: 2, enableExtensionsByDefault: true });
    return context && GL.makeContextCurrent(context) ? context : 0;
  },

  script_leave_context__deps: ['$GL'],
  script_leave_context: function (context) {
    GL.deleteContext(context);
  },
});
