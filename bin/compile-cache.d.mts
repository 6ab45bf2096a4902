export declare const COMPILE_CACHE: string | null
export declare function useCompileCache(): void
