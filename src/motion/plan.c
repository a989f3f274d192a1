/* Nothing yet: the room says in motion.h what it will offer. */
typedef int motion_placeholder;
